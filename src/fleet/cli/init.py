"""`fleet init`."""


def init() -> None:
    """To come."""
