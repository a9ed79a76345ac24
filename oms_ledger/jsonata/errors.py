"""What can be wrong with an expression, or with evaluating it."""


class ExpressionError(ValueError):
    """The expression cannot be used; `position` is where in its text, when that is known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class EvaluationError(ValueError):
    """The expression fails on this document."""


class BoundExceeded(EvaluationError):
    """The evaluation was stopped; `bound` is time, depth, steps or size."""

    def __init__(self, bound: str) -> None:
        super().__init__(f"The evaluation exceeded its bound of {bound}.")
        self.bound = bound


class ChildKilled(BoundExceeded):
    """The evaluation ended the process that it was made in."""

    def __init__(self) -> None:
        super().__init__("memory or processor time")
