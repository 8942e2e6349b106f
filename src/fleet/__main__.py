"""``python -m fleet`` and the ``fleet`` command."""


def main() -> None:
    """Run the command line; nothing is imported before."""
    from fleet.cli import app

    app()


if __name__ == "__main__":
    main()
