"""`fleet explain`."""


def explain() -> None:
    """To come."""
