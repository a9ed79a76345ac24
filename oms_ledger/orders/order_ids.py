"""What an order may be called: ids that outsiders choose become a segment of our paths."""

LONGEST = 200


def is_path_segment(text: str) -> bool:
    """Whether a path can name it, percent-encoded: no control characters, no dots for folders."""
    folders = text == "." or ".." in text.split("/")
    return not folders and not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


def is_order_id(text: str) -> bool:
    """Whether an order of that id could be asked for, and stored under an index."""
    return 0 < len(text) <= LONGEST and is_path_segment(text)
