"""What the benchmarks share: paired rounds, and a plain table. Rule: ratios of one run, never bare times, are judged.

Other things run on most machines. So ours and the alternative take turns, the one that goes first changes every round,
and what counts is the median of the rounds' ratios, with the smallest and the largest beside it.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = ("what", "ours", "alternative", "ratio", "goal", "")


@dataclass(frozen=True)
class Pairs:
    """Seconds of ours and of the alternative, round by round."""

    ours: list[float]
    other: list[float]

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def row(self, what: str, at_most: float) -> tuple[str, ...]:
        """A line of the table; ``at_most`` is the goal for the ratio."""
        spread = f"{self.ratio:.2f}x [{min(self.ratios):.2f}-{max(self.ratios):.2f}]"
        goal = (f"at most {at_most:g}x", verdict(ok=self.ratio <= at_most))
        return what, seconds(self.ours), seconds(self.other), spread, *goal


def paired(ours: Callable[[], object], other: Callable[[], object], rounds: int, *, inner: int = 1) -> Pairs:
    """Time both in turn, after one round that is thrown away; ``inner`` repeats what is too short to time."""
    pairs = Pairs([], [])
    for n in range(-1, rounds):
        turns = [(ours, pairs.ours), (other, pairs.other)]
        for run, times in turns if n % 2 else reversed(turns):
            start = time.perf_counter()
            for _ in range(inner):
                run()
            if n >= 0:
                times.append((time.perf_counter() - start) / inner)
    return pairs


def seconds(times: Sequence[float]) -> str:
    """The median, in a unit that fits."""
    middle = statistics.median(times)
    return f"{middle * 1000:.2f} ms" if middle < 0.1 else f"{middle:.2f} s"


def verdict(*, ok: bool) -> str:
    return "meets" if ok else "misses"


def show(title: str, rows: Sequence[Sequence[str]], *, head: Sequence[str] = HEAD, notes: Sequence[str] = ()) -> None:
    """Print one table."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in notes:
        print(f"  {note}")


def machine() -> None:
    """Print what the numbers were taken on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    print(f"{versions}, {cores} cores, load {os.getloadavg()[0]:.1f}", flush=True)


def child_env() -> dict[str, str]:
    """The environment for whole processes: bytecode is used, as it is where fleet is installed."""
    # Without .pyc files every start is three times slower, which would measure the compiler.
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
