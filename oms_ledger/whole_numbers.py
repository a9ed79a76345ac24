"""Whole numbers that came as text: typed, in an address, in a header, in a file."""


def is_whole(text: str, digits: int = 18) -> bool:
    """Whether it is ASCII digits, at most so many; `²` is a digit to Python, but no number.

    Eighteen digits fit a column of 64 bits.
    """
    return text.isascii() and text.isdigit() and len(text) <= digits


def whole_or_text(text: str) -> int | str:
    """The number, or the text as it is, for whoever refuses it by its place."""
    return int(text) if is_whole(text) else text
