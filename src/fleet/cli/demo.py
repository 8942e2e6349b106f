"""`fleet demo`."""


def demo() -> None:
    """To come."""
