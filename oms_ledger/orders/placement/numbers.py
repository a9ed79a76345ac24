"""Order groups and order ids: how they are formed (contract 05 §2)."""


def order_group(sequence: int, suffix: str, form: str, noise: int) -> str:
    """`v502559llux`, or all digits for accounts set so; noise keeps ids from being guessed."""
    if form == "digits":
        return f"{sequence}{noise:06d}"
    return f"v{sequence}{suffix}"


def order_id(group: str, number: int) -> str:
    """The id of the group's order for its `number`th seller, from 1."""
    return f"{group}-{number:02d}"
