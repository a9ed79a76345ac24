"""Whole numbers that were typed or came in an address."""


def is_whole(text: str, digits: int = 18) -> bool:
    """Whether it is ASCII digits, at most so many; `²` is a digit to Python, but no number."""
    return text.isascii() and text.isdigit() and len(text) <= digits
