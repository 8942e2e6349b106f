"""What does reading the roster cost? The shipped one (25 roles) by PyYAML's C loader, beside its Python loader.

And what a person waits for: the whole `roster.load`, with its checks, by either.
"""

import yaml

import pairs
from fleet import roster

ROUNDS = 41


def load_by(loader: type) -> object:
    """Everything, by one loader."""
    usual, roster._LOADER = roster._LOADER, loader
    try:
        return roster.load(roster.shipped() / "roster.yaml")
    finally:
        roster._LOADER = usual


def main() -> None:
    pairs.machine()
    text = (roster.shipped() / "roster.yaml").read_text(encoding="utf-8")
    fast, slow = getattr(yaml, "CSafeLoader", None), yaml.SafeLoader
    if fast is None:
        print("PyYAML has no C loader here; fleet reads by the Python loader")
        return
    assert load_by(fast) == load_by(slow)
    used = roster._LOADER.__name__
    parsed = pairs.paired(lambda: yaml.load(text, Loader=fast), lambda: yaml.load(text, Loader=slow), ROUNDS, inner=3)
    whole = pairs.paired(lambda: load_by(fast), lambda: load_by(slow), ROUNDS)
    rows = [
        ("the loader that fleet uses", used, slow.__name__, "", "the C one", pairs.verdict(ok=used == fast.__name__)),
        parsed.row("YAML alone", 0.25),
        (*whole.row("roster.load: YAML, places, types, sense", 1)[:4], "", ""),
    ]
    pairs.show(f"The shipped roster by the C loader, beside the Python loader ({ROUNDS} paired rounds)", rows)


if __name__ == "__main__":
    main()
