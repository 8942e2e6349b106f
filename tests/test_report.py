"""The report: a document that keeps to its schema, and its lines for people, compared whole."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

import fleet
from fakes import (
    ANA,
    BOB,
    NOW,
    ONE_IDENTITY,
    ago,
    base,
    check,
    checks,
    entry,
    held,
    issue,
    probe,
    pull,
    review,
    role,
    role_plan,
    roster,
    session,
    snapshot,
    world,
)
from fleet import report, report_text
from fleet.health import Production
from fleet.models import Ledger, Problem
from fleet.plans import Outcome, Plan, PullPlan, Reason
from fleet.reconcile import Pass

SOURCE = Path(fleet.__file__).parent
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text())
VALID = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

QUIET = Pass(world=world(), plan=Plan(), outcomes=(), production=Production.UNCHECKED, dry_run=False)
UNREAD = Pass(
    world=world(sessions=None, github=None, ledger=None, problems=(Problem(step="github", message="not reached"),)),
    plan=Plan(roles=(role_plan(code="unread", text="GitHub was not read", desired=1, wanted=0),)),
    outcomes=(),
    production=Production.UNKNOWN,
    dry_run=True,
)
RICH = Pass(
    world=world(
        roster=roster(
            roles={
                "ui_builder": role(count=3),
                "tester": role(title="Tester", department="Quality", count=2),
                "idle": role(title="Idle", department="Growth", count=2),
                "broken": role(title="Broken", department="Growth"),
            }
        ),
        sessions=(
            session("ui_builder-0", stage="agent", item="issue-12", until=NOW),
            session("tester-1", running=False),
        ),
        strays=("tester-1",),
        github=snapshot(
            pull(30),
            pull(31),
            issues=(issue(12), issue(13)),
            base=base(checks=checks(check("build", "FAILURE"))),
        ),
        ledger=Ledger(looks={"ui_builder-0": entry(state="taken", cost_usd=2.0, spent_usd=1.25)}),
        probes=(probe(), probe(ok=False, url="https://acme.example/api", attempts=2)),
        problems=(Problem(step="health", message="a probe was odd"),),
    ),
    plan=Plan(
        roles=(
            role_plan(
                "ui_builder-1", "ui_builder-2", role="ui_builder", desired=3, wanted=3, running=1, text="2 issues wait"
            ),
            role_plan("tester-0", role="tester", desired=2, wanted=1),
            role_plan(role="idle", code="rest", text="it looked at 11:30", desired=2, wanted=0),
            role_plan(role="broken", code="fault", text="write a brief", desired=1, wanted=0),
        ),
        pulls=(
            PullPlan(pull=pull(30, title="Add [bold]brackets[/bold] and [/red]")),
            held(31, "conflict", "it conflicts with the base branch"),
            PullPlan(pull=pull(32, author=None)),
            PullPlan(pull=pull(33)),
        ),
    ),
    outcomes=(
        Outcome(subject="tester-1", result="swept", detail="2 processes left by a dead session"),
        Outcome(subject="ui_builder-1", result="started", run="20300107-120000-0a1b2c3d"),
        Outcome(subject="ui_builder-2", result="refused", detail="no room"),
        Outcome(subject="tester-0", result="taken", detail="runs already"),
        Outcome(subject="pr-30", result="merged", detail="as fffffff"),
        Outcome(subject="pr-32", result="held", detail="GitHub refused: GitHub answered 409: moved"),
        Outcome(subject="pr-33", result="failed", detail="the token lacks a permission", person=True),
    ),
    production=Production.DOWN,
    dry_run=False,
    requests=3,
)
REFUSAL = report.refusal("", "", NOW.isoformat(), "roster.yaml:1:1: wrong", dry_run=False)


def document(done, seconds=1.26):
    return report.document(done, duration_s=seconds)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(document(QUIET), id="quiet"),
        pytest.param(document(UNREAD), id="unread"),
        pytest.param(document(RICH), id="rich"),
        pytest.param(REFUSAL, id="refusal"),
        pytest.param(report.refusal("web", "acme/web", NOW.isoformat(), "x", dry_run=True), id="refusal with a name"),
    ],
)
def test_every_document_keeps_to_the_schema(one):
    assert [error.message for error in VALID.iter_errors(json.loads(json.dumps(one)))] == []


def test_the_schema_is_one_and_strict():
    Draft202012Validator.check_schema(SCHEMA)
    objects = [node for node in walk(SCHEMA) if node.get("type") == "object"]
    assert len(objects) > 8
    assert all(node["additionalProperties"] is False for node in objects)
    assert all(sorted(node["required"]) == sorted(node["properties"]) for node in objects)
    described = [field for node in objects for field in node["properties"].items()]
    assert [
        name for name, field in described if "description" not in field and field != {"$ref": "#/$defs/health"}
    ] == []


def walk(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


@pytest.mark.parametrize(
    ("definition", "sources"),
    [("role", ["spawn"]), ("pull", ["merge", "checks", "inventory"])],
)
def test_the_schema_names_every_reason_code_and_no_other(definition, sources):
    used = {code for name in sources for code in re.findall(r'code="([a-z-]+)"', (SOURCE / f"{name}.py").read_text())}
    if definition == "role":
        used |= {"no-work"}  # written as a choice of two
    assert set(SCHEMA["$defs"][definition]["properties"]["code"]["enum"]) == used


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param({"extra": 1}, id="a field nobody described"),
        pytest.param({"version": 2}, id="another version"),
        pytest.param({"started_at": "yesterday"}, id="no time"),
        pytest.param({"merges": [{}]}, id="an empty decision"),
        pytest.param({"inventory": {}}, id="an empty inventory"),
    ],
)
def test_the_schema_finds_mistakes(mistake):
    assert not VALID.is_valid({**document(RICH), **mistake})


def test_a_field_that_is_missing_is_a_mistake():
    for name in document(QUIET):
        assert not VALID.is_valid({key: value for key, value in document(QUIET).items() if key != name})


def test_the_lines_of_a_rich_pass():
    assert list(report_text.lines(document(RICH))) == [
        "acme-web on acme/web: BROKEN · sessions 1 running, 4 wanted, 8 desired · started 1, merged 1"
        " · 1 pull request held · production down",
        "attention: production is down: https://acme.example/api (status 503)",
        "attention: a probe was odd",
        "attention: broken cannot start: write a brief",
        "attention: 2 actions failed: ui_builder-2: no room",
        "attention: 3 of 4 wanted sessions run",
        "base main at ccccccc, red: build · author fleet-author, reviewer fleet-reviewer,"
        " coordinator fleet-coordinator · spent today $3.25 of $50.00 · 3 GitHub requests · took 1.3 s",
        "role ui_builder: desired 3, wanted 3, running 1; 2 issues wait"
        " -> ui_builder-1 started, ui_builder-2 refused: no room",
        "role tester: desired 2, wanted 1, running 0; 1 may look -> tester-0 taken: runs already",
        "role idle: desired 2, wanted 0, running 0; it looked at 11:30",
        "role broken: desired 1, wanted 0, running 0; write a brief",
        "pr #30 'Add [bold]brackets[/bold] and [/red]': merged: as fffffff",
        "pr #31 'Change number 31': hold: it conflicts with the base branch",
        "pr #32 'Change number 32': held: GitHub refused: GitHub answered 409: moved",
        "pr #33 'Change number 33': failed: the token lacks a permission",
        "probe https://acme.example/: ok, status 200, 0.10 s",
        "probe https://acme.example/api: FAILED, status 503, 0.10 s",
        "error in health: a probe was odd (the next pass tries again)",
        "error in spawn (broken): write a brief (a person must mend it)",
        "error in spawn (ui_builder-2): no room (the next pass tries again)",
        "error in merge (pr-33): the token lacks a permission (a person must mend it)",
    ]


def test_the_lines_of_a_quiet_pass():
    assert list(report_text.lines(document(QUIET))) == [
        "acme-web on acme/web: HEALTHY · sessions 0 running, 0 wanted, 0 desired · started 0, merged 0"
        " · 0 pull requests held · production unchecked",
        "base main at ccccccc · author fleet-author, reviewer fleet-reviewer, coordinator fleet-coordinator"
        " · spent today $0.00 of $50.00 · 0 GitHub requests · took 1.3 s",
    ]


def test_the_lines_of_a_dry_run_that_could_read_nothing():
    unread = Pass(**{**{f: getattr(UNREAD, f) for f in Pass.__slots__}, "requests": 1})
    rules = roster(roles={"builder": role()})
    unread = Pass(**{**{f: getattr(unread, f) for f in Pass.__slots__}, "world": world_of(unread, rules)})
    assert list(report_text.lines(document(unread))) == [
        "acme-web on acme/web: DEGRADED · sessions unknown running, 0 wanted, 1 desired"
        " · would start 0 and merge 0 · 0 pull requests held · production unknown",
        "attention: not reached",
        "attention: production is unknown: a probe got no answer, and GitHub gave none either",
        "1 GitHub request · dry run, took 1.3 s",
        "role builder: desired 1, wanted 0, running 0; GitHub was not read",
        "error in github: not reached (the next pass tries again)",
    ]


def world_of(done, rules):
    return world(**{**{f: getattr(done.world, f) for f in type(done.world).__slots__}, "roster": rules})


def test_the_lines_of_a_roster_that_is_wrong():
    assert list(report_text.lines(REFUSAL)) == [
        ": BROKEN · production unchecked",
        "attention: roster.yaml:1:1: wrong",
    ]


def test_one_identity_is_told_in_the_first_lines():
    alone = Pass(
        world=world(github=snapshot(identities=ONE_IDENTITY)),
        plan=Plan(),
        outcomes=(),
        production=Production.UP,
        dry_run=False,
    )
    assert "one identity (ana): the fleet builds, a person approves" in list(report_text.lines(document(alone)))[1]


def shown(one, width=140):
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    for part in report_text.tables(one):
        console.print(part)
    return out.getvalue()


TABLES = """\
role         department    running/wanted/desired   decision
ui_builder   Engineering   1/3/3                    2 issues wait -> ui_builder-1 started, ui_builder-2 refused: no room
tester       Quality       0/1/2                    1 may look -> tester-0 taken: runs already
broken       Growth        0/0/1                    write a brief
quiet: 2 × it looked at 11:30
pull request   title                                  author         verdict
#30            Add [bold]brackets[/bold] and [/red]   fleet-author   merged: as fffffff
#31            Change number 31                       fleet-author   hold: it conflicts with the base branch
#32            Change number 32                       -              held: GitHub refused: GitHub answered 409: moved
#33            Change number 33                       fleet-author   failed: the token lacks a permission
production                          answer       took
https://acme.example/      ok       status 200   0.10 s
https://acme.example/api   FAILED   status 503   0.10 s
error in health: a probe was odd
error in spawn (broken): write a brief
error in spawn (ui_builder-2): no room
error in merge (pr-33): the token lacks a permission
"""


def test_the_tables_say_what_the_lines_say():
    lines = [line.strip() for line in shown(document(RICH), width=200).splitlines()]
    written = [line for line in lines if set(line) - set(" ─")]
    head, tables = written[:7], written[7:]
    plain = list(report_text.lines(document(RICH)))
    assert head == [plain[0], *(line.replace("attention: ", "! ") for line in plain[1:6]), plain[6]]
    assert tables == TABLES.splitlines()


def test_one_error_of_several_is_told_once():
    refused = tuple(Outcome(subject=f"builder-{n}", result="refused", detail="no room") for n in range(3))
    done = Pass(world=world(), plan=Plan(), outcomes=refused, production=Production.UP, dry_run=False)
    assert len(document(done)["errors"]) == 3
    assert list(report_text.lines(document(done)))[-1] == (
        "error in spawn (builder-0, builder-1, builder-2): no room (the next pass tries again)"
    )


@pytest.mark.parametrize("code", ["fault", "back-off", "account", "budget", "no-room"])
def test_a_role_that_is_kept_from_its_work_gets_a_row_of_its_own(code):
    plan = Plan(roles=(role_plan(code=code, text="why", desired=1), role_plan(code="rest", text="rests", desired=2)))
    done = Pass(world=world(), plan=plan, outcomes=(), production=Production.UP, dry_run=False)
    text = shown(document(done))
    assert "builder   Engineering   0/0/1                    why" in text
    assert "quiet: 2 × rests" in text


@pytest.mark.parametrize(
    "title", ["[/]", "[red", "[/nothing] [link=file:///x]y[/link]", "a\nb", "\x1b[31mred", "😀" * 80, ""]
)
@pytest.mark.parametrize("width", [20, 140])
def test_no_title_breaks_the_report(title, width):
    done = Pass(
        world=world(),
        plan=Plan(pulls=(PullPlan(pull=pull(1, title=title), reasons=(Reason(code="draft", text="it is a draft"),)),)),
        outcomes=(),
        production=Production.UP,
        dry_run=False,
    )
    assert VALID.is_valid(document(done))
    assert "#1" in shown(document(done), width)
    lines = list(report_text.lines(document(done)))
    assert len(lines) == 3
    assert all("\n" not in line and "\x1b" not in line for line in lines)


def test_the_decisions_of_a_rich_pass():
    told = document(RICH)
    assert told["spawns"][0] == {
        "role": "ui_builder",
        "title": "UI Builder",
        "department": "Engineering",
        "desired": 3,
        "wanted": 3,
        "running": 1,
        "decision": "start",
        "code": "work",
        "reason": "2 issues wait",
        "starts": [
            {"slot": "ui_builder-1", "result": "started", "run": "20300107-120000-0a1b2c3d", "detail": None},
            {"slot": "ui_builder-2", "result": "refused", "run": None, "detail": "no room"},
        ],
    }
    assert [(r["role"], r["decision"], r["code"]) for r in told["spawns"][1:]] == [
        ("tester", "start", "work"),
        ("idle", "hold", "rest"),
        ("broken", "hold", "fault"),
    ]
    assert told["merges"][0] == {
        "number": 30,
        "title": "Add [bold]brackets[/bold] and [/red]",
        "url": "https://github.com/acme/web/pull/30",
        "author": "fleet-author",
        "head": "a" * 40,
        "decision": "merge",
        "code": "ready",
        "reason": "approved by fleet-reviewer on aaaaaaa, checks are good",
        "result": "merged",
        "detail": "as fffffff",
    }
    assert [(m["author"], m["decision"], m["code"], m["result"]) for m in told["merges"][1:]] == [
        ("fleet-author", "hold", "conflict", None),
        (None, "merge", "ready", "held"),
        ("fleet-author", "merge", "ready", "failed"),
    ]


def test_the_facts_of_a_rich_pass():
    told = document(RICH)["inventory"]
    del told["sessions"]
    assert told == {
        "desired": 8,
        "wanted": 4,
        "running": 1,
        "strays": ["tester-1"],
        "base": {"branch": "main", "sha": "c" * 40, "red": "build"},
        "open_pulls": 2,
        "open_issues": 2,
        "identities": {"coordinator": "fleet-coordinator", "author": "fleet-author", "reviewer": "fleet-reviewer"},
        "github_requests": 3,
        "ledger_read": True,
        "spent_today_usd": 3.25,
        "budget_per_day_usd": 50.0,
    }
    unread = document(UNREAD)["inventory"]
    assert {name for name, value in unread.items() if value is None} == {
        "running", "sessions", "base", "open_pulls", "open_issues", "identities", "spent_today_usd",
    }  # fmt: skip
    assert unread["ledger_read"] is False


def test_a_dry_run_plans_its_starts_and_merges():
    dry = Pass(**{**{f: getattr(RICH, f) for f in Pass.__slots__}, "outcomes": (), "dry_run": True})
    told = document(dry)
    assert {start["result"] for role in told["spawns"] for start in role["starts"]} == {"planned"}
    assert {pull["result"] for pull in told["merges"]} == {None}
    assert "would start 3 and merge 3" in report_text.headline(told)


def test_a_session_without_an_item_yet_and_a_green_base_are_null():
    seen = world(sessions=(session(started_at=None),))
    done = Pass(world=seen, plan=Plan(), outcomes=(), production=Production.UP, dry_run=False)
    inventory = document(done)["inventory"]
    (one,) = inventory["sessions"]
    assert (one["item"], one["started_at"], one["until"], inventory["base"]["red"]) == (None, None, None, None)
    assert VALID.is_valid(document(done))


def test_who_approved_is_told_and_nobody_else():
    reviews = (review(), review(by=ANA), review("DISMISSED", BOB), review(by=None))
    ready = Plan(pulls=(PullPlan(pull=pull(30, reviews=reviews)),))
    done = Pass(world=world(), plan=ready, outcomes=(), production=Production.UP, dry_run=True)
    assert document(done)["merges"][0]["reason"].startswith("approved by ana, fleet-reviewer on")


def test_durations_are_told_to_the_millisecond():
    slow = Pass(
        world=world(probes=(replace(probe(), seconds=0.12345),)),
        plan=Plan(),
        outcomes=(),
        production=Production.UP,
        dry_run=False,
    )
    told = document(slow, 1.23456)
    assert (told["duration_s"], told["health"]["probes"][0]["seconds"]) == (1.235, 0.123)
    assert REFUSAL["duration_s"] == 0


def test_why_it_is_ready_is_told():
    (one,) = document(
        Pass(
            world=world(),
            plan=Plan(pulls=(PullPlan(pull=pull(30, reviews=(review(),))),)),
            outcomes=(),
            production=Production.UP,
            dry_run=True,
        )
    )["merges"]
    assert (one["decision"], one["code"], one["result"]) == ("merge", "ready", None)
    assert one["reason"] == "approved by fleet-reviewer on aaaaaaa, checks are good"


def test_a_session_at_work_is_told_and_one_that_ended_is_not():
    inventory = document(RICH)["inventory"]
    assert inventory["running"] == 1
    assert inventory["sessions"] == [
        {
            "slot": "ui_builder-0",
            "run": "run-of-ui_builder-0",
            "stage": "agent",
            "item": "issue-12",
            "started_at": ago(minutes=20).isoformat(),
            "until": NOW.isoformat(),
        }
    ]
    assert inventory["strays"] == ["tester-1"]
