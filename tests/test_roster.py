"""roster.yaml is read whole or refused in one line that says where and what."""

from datetime import timedelta

import pytest

from fleet.errors import RosterError
from fleet.roster import brief_path, load, missing_briefs, mode_path, parse, shipped
from fleet.settings import EnvRef, ProbeSettings, SessionSettings

HEAD = "fleet: acme-web\nrepo: acme/web\n"
ROLES = "roles:\n  ui_builder: {title: UI, department: Eng, mode: task_driven, count: 1}\n"
GOOD = HEAD + ROLES


def one_role(rest="", *, mode="reviewer", count="1"):
    return f"{HEAD}roles:\n  a: {{title: A, department: B, mode: {mode}, count: {count}{rest}}}\n"


def complaint(text, name="roster.yaml"):
    with pytest.raises(RosterError) as caught:
        parse(text, name)
    assert caught.value.person
    assert "\n" not in str(caught.value)
    return str(caught.value)


BROKEN = [
    # --- not YAML, or not a mapping
    pytest.param("", "1:1: the file must be a mapping with the keys fleet, repo and roles", id="empty"),
    pytest.param("- a\n", "1:1: the file must be a mapping with the keys fleet, repo and roles", id="a list"),
    pytest.param("fleet: [a\nrepo: x\n", "2:5: not valid YAML: did not find expected ',' or ']'", id="half a list"),
    pytest.param(
        "fleet: a\n\trepo: b\n", "2:1: not valid YAML: found a tab character that violates indentation", id="tab"
    ),
    pytest.param(
        "fleet: a\x07b\n",
        "1:1: not valid YAML: unacceptable character #x0007: control characters are not allowed",
        id="control character",
    ),
    pytest.param(GOOD + "---\nfleet: b\n", "5:1: not valid YAML: but found another document", id="two documents"),
    pytest.param(
        HEAD + "base: !secret x\n" + ROLES,
        "3:7: not valid YAML: could not determine a constructor for the tag '!secret'",
        id="a tag",
    ),
    pytest.param(GOOD + "base: *nope\n", "5:7: not valid YAML: found undefined alias", id="an alias of nothing"),
    pytest.param(GOOD + "merge: &a {by: *a}\n", "5:1: an alias that contains itself", id="an alias of itself"),
    pytest.param(GOOD + "? [a]\n: b\n", "5:3: a key must be plain text", id="a list for a key"),
    pytest.param(GOOD + "x: " + "[" * 2000 + "]" * 2000, "1:1: nested too deeply", id="a deep well"),
    pytest.param(GOOD + "repo: b/c\n", '5:1: "repo" stands here a second time', id="a key twice"),
    pytest.param(GOOD + "merge: {by: fleet, by: person}\n", '5:20: "by" stands here a second time', id="twice, deeper"),
    # --- keys
    pytest.param("repo: acme/web\n" + ROLES, '1:1: the key "fleet" is missing', id="no fleet"),
    pytest.param("fleet: a\n" + ROLES, '1:1: the key "repo" is missing', id="no repo"),
    pytest.param(HEAD, '1:1: the key "roles" is missing', id="no roles"),
    pytest.param(
        GOOD + "budget: 5\n", '5:1: unknown key "budget"; the nearest valid one is "budget_per_day_usd"', id="top"
    ),
    pytest.param(
        GOOD + "merge: {per_run: 5}\n",
        '5:9: merge: unknown key "per_run"; the nearest valid one is "per_pass"',
        id="merge",
    ),
    pytest.param(
        GOOD + "merge:\n  by: fleet\n  hold_label: [x]\n",
        '7:3: merge: unknown key "hold_label"; the nearest valid one is "hold_labels"',
        id="merge, on its own line",
    ),
    pytest.param(
        GOOD + "identities:\n  author: {token: X}\n",
        '6:12: identities.author: unknown key "token"; the nearest valid one is "token_env"',
        id="identity",
    ),
    pytest.param(
        GOOD + 'health:\n  - {url: "https://x", state: 200}\n',
        '6:24: health.0: unknown key "state"; the nearest valid one is "status"',
        id="probe",
    ),
    pytest.param(
        GOOD + "health:\n  - {status: 200}\n", '6:5: health.0: the key "url" is missing', id="probe without url"
    ),
    pytest.param(
        HEAD + "session: {modell: x}\n" + ROLES,
        '3:11: session: unknown key "modell"; the nearest valid one is "model"',
        id="common session: told where it stands, not where it is inherited",
    ),
    pytest.param(
        one_role(", session: {modell: x}"),
        '4:68: roles.a.session: unknown key "modell"; the nearest valid one is "model"',
        id="a role's own session",
    ),
    pytest.param(
        HEAD + "roles:\n  a: {title: A, department: B, mode: reviewer}\n",
        '4:6: roles.a: the key "count" is missing',
        id="role without count",
    ),
    pytest.param(
        HEAD + "roles:\n  a: {title: A, department: B, mode: reviewer, cuont: 1}\n",
        '4:48: roles.a: unknown key "cuont"; the nearest valid one is "count"',
        id="count misspelt: not told as missing",
    ),
    # --- values
    pytest.param(
        GOOD + "merge: {by: persons}\n",
        '5:13: merge.by: "persons" is not fleet or person; did you mean "person"?',
        id="a word misspelt",
    ),
    pytest.param(
        GOOD + "merge: {by: nobody}\n", '5:13: merge.by: "nobody" is not fleet or person', id="a word like no other"
    ),
    pytest.param(
        one_role(mode="reviever"),
        '4:38: roles.a.mode: "reviever" is not thinker, task_driven, self_directed, reviewer or sentinel;'
        ' did you mean "reviewer"?',
        id="mode",
    ),
    pytest.param(one_role(count="many"), '4:55: roles.a.count: "many" is not a whole number', id="count in words"),
    pytest.param(one_role(count="1.5"), '4:55: roles.a.count: "1.5" is not a whole number', id="half an agent"),
    pytest.param(one_role(count="-1"), '4:55: roles.a.count: "-1" should be greater than or equal to 0', id="count -1"),
    pytest.param(
        one_role(count="201"), '4:55: roles.a.count: "201" should be less than or equal to 200', id="count 201"
    ),
    pytest.param(
        GOOD + "merge: {per_pass: 101}\n",
        '5:19: merge.per_pass: "101" should be less than or equal to 100',
        id="per_pass",
    ),
    pytest.param(
        GOOD + "merge: {require_checks: sometimes}\n",
        '5:25: merge.require_checks: "sometimes" should be a valid boolean, unable to interpret input',
        id="neither yes nor no",
    ),
    pytest.param(GOOD + "merge: {hold_labels: hold}\n", '5:22: merge.hold_labels: "hold" must be a list', id="no list"),
    pytest.param(
        GOOD + "merge: {hold_labels: [1]}\n", '5:23: merge.hold_labels.0: "1" should be a valid string', id="no text"
    ),
    pytest.param(GOOD + "merge: [by]\n", "5:8: merge: \"['by']\" must be a mapping of keys", id="a list for a mapping"),
    pytest.param(HEAD + "roles:\n  a:\n", '4:5: roles.a: "None" must be a mapping of keys', id="a role of nothing"),
    pytest.param(
        GOOD + "spawn: {rest: 60}\n",
        '5:15: spawn.rest: "60": write a number with a unit, such as 90s, 45m, 1h or 2d',
        id="a time without a unit",
    ),
    pytest.param(
        GOOD + "spawn: {rest: 99999999999d}\n", '5:15: spawn.rest: "99999999999d": a year is the most', id="for ever"
    ),
    pytest.param(
        one_role(", session: {timeout: 45}"),
        '4:77: roles.a.session.timeout: "45": write a number with a unit, such as 90s, 45m, 1h or 2d',
        id="a role's time without a unit",
    ),
    pytest.param(
        GOOD + "spawn: {max_sessions: some}\n",
        '5:23: spawn.max_sessions: "some" is not a whole number or "some" is not auto or none',
        id="max_sessions",
    ),
    pytest.param(
        GOOD + "budget_per_day_usd: -1\n",
        '5:21: budget_per_day_usd: "-1" should be greater than or equal to 0',
        id="debts",
    ),
    pytest.param(
        GOOD + "budget_per_day_usd: .inf\n",
        '5:21: budget_per_day_usd: "inf" should be less than or equal to 1000000',
        id="endless money",
    ),
    pytest.param(
        GOOD + "budget_per_day_usd: .nan\n",
        '5:21: budget_per_day_usd: "nan" should be less than or equal to 1000000',
        id="money that is no number",
    ),
    # --- sense
    pytest.param(
        GOOD.replace("acme-web", "Acme"),
        '1:8: fleet: "Acme" must be lower-case letters, digits and dashes, at most 31',
        id="fleet in capitals",
    ),
    pytest.param(
        GOOD.replace("acme-web", "a" * 32),
        f'1:8: fleet: "{"a" * 32}" must be lower-case letters, digits and dashes, at most 31',
        id="fleet too long",
    ),
    pytest.param(
        GOOD.replace("acme-web", "claim"),
        '1:8: fleet: "claim" is a name that fleet keeps for itself',
        id="fleet: claim",
    ),
    pytest.param(
        GOOD.replace("acme/web", "https://github.com/acme/web"),
        '2:7: repo: "https://github.com/acme/web" must be owner/name',
        id="repo",
    ),
    pytest.param(HEAD + "roles: {}\n", "3:8: roles: at least one role is needed", id="no role"),
    pytest.param(
        GOOD + "health:\n  - ftp://x\n",
        '6:5: health.0.url: "ftp://x" must start with http:// or https://',
        id="a probe by its URL alone",
    ),
    pytest.param(
        GOOD + "health:\n  - {url: acme.example}\n",
        '6:11: health.0.url: "acme.example" must start with http:// or https://',
        id="a probe without a scheme",
    ),
    pytest.param(
        HEAD + "roles:\n  UI-Builder: {title: A, department: B, mode: reviewer, count: 1}\n",
        '4:15: roles.UI-Builder: role key "UI-Builder" must be lower-case letters, digits and _, at most 40',
        id="role key",
    ),
    pytest.param(
        one_role(", labels: [x]", mode="thinker"),
        "4:65: roles.a.labels: only task_driven roles take issues; a is thinker",
        id="labels of a role that takes no issues",
    ),
    pytest.param(
        HEAD + "session: {harness: script}\n" + ROLES,
        '3:20: roles.ui_builder.session.harness: harness "script" needs session.command',
        id="a script without a command",
    ),
    # --- secrets, which are not repeated
    pytest.param(
        GOOD + "identities:\n  author: {token_env: ghp_0123456789abcdef}\n",
        "6:23: identities.author.token_env: must be the name of an environment variable, not a token",
        id="a token for its name",
    ),
    pytest.param(
        GOOD + "identities:\n  author: ghp_0123456789abcdef\n",
        '6:11: identities.author: "***" must be a mapping of keys',
        id="a token for the mapping",
    ),
    pytest.param(
        GOOD + "session: {model_key: {env: sk-ant-0123}}\n",
        "5:28: session.model_key.env: must be the name of an environment variable, not a key",
        id="a key for its name",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_a_broken_roster_is_refused_in_one_line(text, expected):
    assert complaint(text) == f"roster.yaml:{expected}"


def test_the_first_place_in_the_file_is_told():
    text = GOOD + "spawn: {rest: 60}\nmerge: {by: persons}\n"
    assert complaint(text).startswith("roster.yaml:5:15: spawn.rest:")


def test_the_message_names_the_file_as_it_was_called():
    assert complaint("", "fleets/web.yaml").startswith("fleets/web.yaml:1:1:")


def test_the_shortest_roster_has_the_documented_defaults():
    rules = parse(GOOD)
    assert (rules.fleet, rules.repo, rules.base, rules.paused, rules.health) == (
        "acme-web",
        "acme/web",
        None,
        False,
        (),
    )
    merge, spawn, one = rules.merge, rules.spawn, rules.session
    assert (merge.by, merge.authors, merge.checks, merge.ignore_checks) == ("fleet", "any", "all", ())
    assert (merge.require_checks, merge.fresh_approval, merge.hold_when_main_is_red) == (True, True, True)
    assert (merge.hold_labels, merge.per_pass) == (("do-not-merge", "hold"), 5)
    assert (spawn.when, spawn.max_sessions, spawn.rest, spawn.host) == ("work", "auto", timedelta(hours=1), None)
    assert (one.harness, one.model, one.budget_usd, one.max_turns) == ("claude", "sonnet", 2.0, 80)
    assert (one.timeout, one.wall, one.setup, one.check) == (timedelta(minutes=45), "auto", None, None)
    assert (one.allow_hosts, one.context, one.model_key) == ((), ("CLAUDE.md",), EnvRef(env="ANTHROPIC_API_KEY"))
    assert (rules.budget_per_day_usd, rules.work.trust) == (50.0, "writers")
    assert {getattr(rules.identities, who).token_env for who in ("coordinator", "author", "reviewer")} == {
        "GITHUB_TOKEN"
    }


def test_a_role_repeats_only_the_session_keys_that_differ():
    text = HEAD + "session: {model: opus, timeout: 10m}\n" + one_role(", session: {timeout: 5m}").removeprefix(HEAD)
    rules = parse(text)
    assert rules.roles["a"].session == SessionSettings(model="opus", timeout=timedelta(minutes=5))
    assert rules.session == SessionSettings(model="opus", timeout=timedelta(minutes=10))


def test_a_probe_may_be_just_its_url():
    text = GOOD + "health:\n  - https://a/\n  - {url: 'https://b/', status: 204, contains: ok, timeout: 3s}\n"
    assert parse(text).health == (
        ProbeSettings(url="https://a/"),
        ProbeSettings(url="https://b/", status=204, contains="ok", timeout=timedelta(seconds=3)),
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("1.5h", 5400), ("2d", 172_800), (" 1 h ", 3600), ("0s", 0)]
)
def test_lengths_of_time_are_read_as_people_write_them(text, seconds):
    assert parse(GOOD + f"spawn: {{rest: '{text}'}}\n").spawn.rest == timedelta(seconds=seconds)


def test_merge_keys_of_yaml_work():
    text = HEAD + "roles:\n  a: &one {title: A, department: B, mode: reviewer, count: 1}\n  b: {<<: *one, count: 2}\n"
    assert {key: role.count for key, role in parse(text).roles.items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "no such file; `fleet init` writes one", id="missing"),
        pytest.param(b"fleet: \xff\n", "not UTF-8 text (byte 7)", id="not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, expected):
    file = tmp_path / "roster.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RosterError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {expected}"


def test_a_folder_is_no_roster(tmp_path):
    with pytest.raises(RosterError, match="Is a directory"):
        load(tmp_path)


def test_every_role_needs_its_brief_and_the_rules_of_its_mode(tmp_path):
    rules = parse(one_role())
    told = "is missing or empty; write one or two sentences into it"
    mode, brief = mode_path(tmp_path, "reviewer"), brief_path(tmp_path, "a")
    assert missing_briefs(rules, tmp_path) == {"a": f"{mode} {told}"}
    mode.parent.mkdir(parents=True)
    mode.write_text("Rules.")
    assert missing_briefs(rules, tmp_path) == {"a": f"{brief} {told}"}
    brief.write_text(" \n")
    assert missing_briefs(rules, tmp_path) == {"a": f"{brief} {told}"}
    brief.write_text("Reviews.")
    assert missing_briefs(rules, tmp_path) == {}


def test_the_shipped_roster_is_the_seeds_25_roles_and_38_instances():
    rules = load(shipped() / "roster.yaml")
    assert (len(rules.roles), sum(role.count for role in rules.roles.values())) == (25, 38)
    assert missing_briefs(rules, shipped()) == {}
    assert {role.mode for role in rules.roles.values()} == {
        "thinker", "task_driven", "self_directed", "reviewer", "sentinel",
    }  # fmt: skip
    assert all(role.labels for role in rules.roles.values() if role.mode == "task_driven")
