"""The report for people: tables on a terminal, plain lines in a pipe; rich is imported for a terminal only."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fleet.report import Document

if TYPE_CHECKING:
    from rich.console import RenderableType

COLOURS = {"healthy": "green", "degraded": "yellow", "broken": "red"}


def headline(report: Document) -> str:
    """The first line: is it well, what was done, what is held."""
    inventory, health = report["inventory"], report["health"]
    name = f"{report['fleet']} on {report['repo']}" if report["repo"] else report["fleet"]
    parts = [f"{name}: {health['verdict'].upper()}"]
    if inventory is not None:
        running = "unknown" if inventory["running"] is None else inventory["running"]
        parts.append(f"sessions {running} running, {inventory['wanted']} wanted, {inventory['desired']} desired")
        starts = [start for role in report["spawns"] for start in role["starts"]]
        if report["dry_run"]:
            merging = sum(pull["decision"] == "merge" for pull in report["merges"])
            parts.append(f"would start {len(starts)} and merge {merging}")
        else:
            started = sum(start["result"] == "started" for start in starts)
            merged = sum(pull["result"] == "merged" for pull in report["merges"])
            parts.append(f"started {started}, merged {merged}")
        held = sum(pull["decision"] == "hold" for pull in report["merges"])
        parts.append(f"{held} pull request{'' if held == 1 else 's'} held")
    parts.append(f"production {health['production']}")
    return " · ".join(parts)


def lines(report: Document) -> Iterator[str]:
    """The whole report as plain lines, for a pipe or a log."""
    yield headline(report)
    for reason in report["health"]["reasons"]:
        yield f"attention: {reason}"
    if report["inventory"] is None:
        return
    yield note(report)
    for role in report["spawns"]:
        yield (
            f"role {role['role']}: desired {role['desired']}, wanted {role['wanted']}, running {role['running']}; "
            f"{_role_words(role)}"
        )
    for pull in report["merges"]:
        yield f"pr #{pull['number']} {pull['title'][:60]!r}: {_pull_words(pull)}"
    for probe in report["health"]["probes"]:
        yield f"probe {probe['url']}: {'ok' if probe['ok'] else 'FAILED'}, {probe['detail']}, {probe['seconds']:.2f} s"
    for error in _distinct(report["errors"]):
        who = "a person must mend it" if error["person"] else "the next pass tries again"
        yield f"error in {error['step']}{error['subject']}: {error['message']} ({who})"


def tables(report: Document) -> "Iterator[RenderableType]":
    """The whole report for a terminal: what is wrong first, then what was done, then what is held and why."""
    from rich.text import Text

    colour = COLOURS[report["health"]["verdict"]]
    yield Text(headline(report), style=f"bold {colour}")
    for reason in report["health"]["reasons"]:
        yield Text(f"  ! {reason}", style=colour)
    if report["inventory"] is None:
        return
    yield Text(note(report), style="dim")
    yield from _spawn_table(report)
    if report["merges"]:
        rows = [(f"#{p['number']}", p["title"], p["author"] or "-", _pull_words(p)) for p in report["merges"]]
        yield _table(("pull request", "title", "author", "verdict"), rows)
    if report["health"]["probes"]:
        rows = [
            (p["url"], "ok" if p["ok"] else "FAILED", p["detail"], f"{p['seconds']:.2f} s")
            for p in report["health"]["probes"]
        ]
        yield _table(("production", "", "answer", "took"), rows)
    for error in _distinct(report["errors"]):
        yield Text(f"error in {error['step']}{error['subject']}: {error['message']}", style="red")


def note(report: Document) -> str:
    """One line of facts: the base, the identities, the money, the time."""
    inventory = report["inventory"]
    parts = []
    if inventory["base"]:
        red = f", red: {inventory['base']['red']}" if inventory["base"]["red"] else ""
        parts.append(f"base {inventory['base']['branch']} at {inventory['base']['sha'][:7]}{red}")
    who = inventory["identities"]
    if who and len(set(who.values())) == 1:
        parts.append(f"one identity ({who['coordinator']}): the fleet builds, a person approves")
    elif who:
        parts.append(f"author {who['author']}, reviewer {who['reviewer']}, coordinator {who['coordinator']}")
    if inventory["spent_today_usd"] is not None:
        parts.append(f"spent today ${inventory['spent_today_usd']:.2f} of ${inventory['budget_per_day_usd']:.2f}")
    asked = inventory["github_requests"]
    parts.append(f"{asked} GitHub request{'' if asked == 1 else 's'}")
    return " · ".join([*parts, f"{'dry run, ' if report['dry_run'] else ''}took {report['duration_s']:.1f} s"])


def _spawn_table(report: Document) -> "Iterator[RenderableType]":
    rows = []
    quiet: dict[str, int] = {}
    for role in report["spawns"]:
        if role["starts"] or role["running"] or role["code"] in ("fault", "back-off", "account", "budget", "no-room"):
            counts = f"{role['running']}/{role['wanted']}/{role['desired']}"
            rows.append((role["role"], role["department"], counts, _role_words(role)))
        else:
            quiet[role["reason"]] = quiet.get(role["reason"], 0) + role["desired"]
    if rows:
        yield _table(("role", "department", "running/wanted/desired", "decision"), rows)
    if quiet:
        from rich.text import Text

        yield Text("quiet: " + "; ".join(f"{n} × {why}" for why, n in quiet.items()), style="dim")


def _distinct(errors: Sequence[Document]) -> list[Document]:
    """One error for each message, with the subjects it is about put together."""
    subjects: dict[tuple[str, str, bool], list[str]] = {}
    for error in errors:
        found = subjects.setdefault((error["step"], error["message"], error["person"]), [])
        found += [error["subject"]] if error["subject"] else []
    return [
        {"step": step, "message": message, "person": person, "subject": f" ({', '.join(names)})" if names else ""}
        for (step, message, person), names in subjects.items()
    ]


def _role_words(role: dict[str, Any]) -> str:
    done = [f"{s['slot']} {s['result']}{': ' + s['detail'] if s['detail'] else ''}" for s in role["starts"]]
    return f"{role['reason']}{' -> ' + ', '.join(done) if done else ''}"


def _pull_words(pull: dict[str, Any]) -> str:
    if pull["result"]:
        return f"{pull['result']}: {pull['detail']}"
    return f"{pull['decision']}: {pull['reason']}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "RenderableType":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a title with [brackets] is not markup
    return table
