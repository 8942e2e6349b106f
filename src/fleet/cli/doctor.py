"""`fleet doctor`."""


def doctor() -> None:
    """To come."""
