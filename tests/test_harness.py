"""Harnesses: how their agents are started, as exact tables, and what their output means, as it was measured."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from fleet.harness import AgentOutcome, Brief, Ending, Key, harnesses
from fleet.ledger_rules import OWN_FAULT

CLAUDE, SCRIPT = harnesses()["claude"], harnesses()["script"]
SETTINGS = {
    "command": None,
    "model": "sonnet",
    "max_turns": 80,
    "budget_usd": 2.0,
    "model_key": {"env": "ANTHROPIC_API_KEY"},
}


def brief(*, settings=None, **facts):
    ready = {
        "mode": "task_driven",
        "role": "ui_builder",
        "slot": "ui_builder-0",
        "run": "20300107-120000-0a1b2c3d",
        "item": "issue-12",
        "clone": Path("/run/work/clone"),
        "scratch": Path("/run/work"),
        "prompt_file": Path("/run/work/prompt.md"),
        "system_file": Path("/run/work/system.md"),
        "settings": {**SETTINGS, **(settings or {})},
        "schema": lambda: {"type": "object"},
        "mark": {"FLEET_SLOT": "/slots/ui_builder-0", "FLEET_RUN": "20300107-120000-0a1b2c3d"},
        "path": "/usr/bin:/bin",
    }
    return Brief(**{**ready, **facts})


READING, WRITING = "Read,Grep,Glob", "Read,Grep,Glob,Edit,Write"


@pytest.mark.parametrize(
    ("mode", "tools", "allowed"),
    [
        ("thinker", READING, READING),
        ("reviewer", READING, READING),
        ("task_driven", WRITING, "Read,Grep,Glob,Edit(./**),Write(./**)"),
        ("self_directed", WRITING, "Read,Grep,Glob,Edit(./**),Write(./**)"),
    ],
)
def test_the_argv_of_claude(mode, tools, allowed):
    assert CLAUDE.plan(brief(mode=mode)).argv == (
        "claude",
        *("-p", "--output-format", "stream-json", "--verbose"),
        *("--model", "sonnet"),
        *("--max-turns", "80"),
        *("--max-budget-usd", "2"),
        *("--permission-mode", "dontAsk", "--permission-prompts", "none"),
        *("--setting-sources", "", "--strict-mcp-config", "--disable-slash-commands", "--restricted"),
        *("--tools", tools, "--allowedTools", allowed),
        *("--session-id", "b7ace045-20f4-58fe-8165-76ddde5c9ead"),
        *("--append-system-prompt-file", "/run/work/system.md"),
        *("--json-schema", '{"type": "object"}'),
    )


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/run/work/home",
    "CLAUDE_CONFIG_DIR": "/run/work/claude",
    "TMPDIR": "/run/work/tmp",
    "CLAUDE_CODE_TMPDIR": "/run/work/tmp",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1",
    "CLAUDE_CODE_DISABLE_CRON": "1",
    "CLAUDE_CODE_DISABLE_WORKFLOWS": "1",
    "CLAUDE_CODE_MAX_RETRIES": "4",
    "API_TIMEOUT_MS": "300000",
    "CLAUDE_ENABLE_BYTE_WATCHDOG": "1",
    "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": "120000",
    "FLEET_SLOT": "/slots/ui_builder-0",
    "FLEET_RUN": "20300107-120000-0a1b2c3d",
}


def test_the_environment_of_claude_is_made_from_nothing():
    assert CLAUDE.plan(brief()).env == ENVIRONMENT


def test_another_address_of_the_models_api_goes_along():
    env = CLAUDE.plan(brief(model_api="http://127.0.0.1:3128")).env
    assert env == {**ENVIRONMENT, "ANTHROPIC_BASE_URL": "http://127.0.0.1:3128"}


@pytest.mark.parametrize(
    ("variable", "descriptor"),
    [
        ("ANTHROPIC_API_KEY", "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR"),
        ("OUR_TEAMS_KEY", "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"),
    ],
)
def test_the_key_goes_by_a_descriptor(variable, descriptor):
    plan = CLAUDE.plan(brief(settings={"model_key": {"env": variable}}))
    assert plan.key == Key(secret=variable, way="fd", name=descriptor)
    assert variable not in plan.env


def test_what_the_roster_says_is_in_the_argv():
    argv = CLAUDE.plan(
        brief(settings={"command": "nice -n 5 claude", "model": "opus", "max_turns": 7, "budget_usd": 0.25})
    ).argv
    assert argv[:5] == ("nice", "-n", "5", "claude", "-p")
    given = dict(pairwise(argv))
    assert (given["--model"], given["--max-turns"], given["--max-budget-usd"]) == ("opus", "7", "0.25")


def test_claude_that_is_silent_for_a_quarter_of_an_hour_is_ended():
    assert CLAUDE.plan(brief()).idle_seconds == 900


def test_each_run_has_a_session_of_its_own():
    ids = {CLAUDE.plan(brief(run=run)).argv[-5] for run in ("a", "b", "a")}
    assert len(ids) == 2


# --- what its output means --------------------------------------------------------------------------------------------


def ended(*events, code=0, killed="", stderr="", error=""):
    lines = [e if isinstance(e, str) else json.dumps(e) for e in events]
    return CLAUDE.outcome(Ending(killed=killed, code=code, stdout="\n".join(lines), stderr=stderr, error=error))


def result(subtype="success", **facts):
    return {"type": "result", "subtype": subtype, "is_error": False, "total_cost_usd": 0.5, **facts}


def api_error(status, said="", **facts):
    return result(is_error=True, terminal_reason="api_error", api_error_status=status, result=said, **facts)


LIMIT = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_894_021_440}}
WARNING = {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "resetsAt": 1_894_021_440}}
RESETS = datetime.fromtimestamp(1_894_021_440, UTC)
FIVE_HOURS = "You've hit your 5-hour limit · resets 1:24am (UTC)"
OVERLOADED = "Repeated 529 Overloaded errors..."


@pytest.mark.parametrize(
    ("events", "code", "outcome", "reason"),
    [
        pytest.param([result(structured_output={"a": 1})], 0, "done", "", id="done"),
        pytest.param(
            [result("error_max_turns", terminal_reason="max_turns", errors=["Reached maximum number of turns (3)"])],
            1,
            "turn-limit",
            "Reached maximum number of turns (3)",
            id="max turns",
        ),
        pytest.param(
            [result("error_max_budget_usd", terminal_reason="budget_exhausted")], 1, "budget", "", id="max budget"
        ),
        pytest.param(
            [api_error(401, "Invalid API key · Fix external API key")],
            1,
            "auth",
            "Invalid API key · Fix external API key",
            id="401 with an API key",
        ),
        pytest.param(
            [api_error(401, "Not logged in · Please run /login", api_error_type="authentication_error")],
            1,
            "auth",
            "Not logged in · Please run /login",
            id="401 with an OAuth token",
        ),
        pytest.param(
            [api_error(None, "Not logged in · Please run /login")],
            1,
            "auth",
            "Not logged in · Please run /login",
            id="no key at all",
        ),
        pytest.param([api_error(403, "Failed to authenticate...")], 1, "auth", "Failed to authenticate...", id="403"),
        pytest.param([api_error(401, "no")], 1, "auth", "no", id="401 in other words"),
        pytest.param([api_error(403, "no")], 1, "auth", "no", id="403 in other words"),
        *[
            pytest.param([api_error(None, words)], 1, "auth", words, id=f"{words} without a status")
            for words in ("Invalid API key", "Failed to authenticate")
        ],
        pytest.param([api_error(400, "bad request")], 1, "overloaded", "bad request", id="400"),
        pytest.param(
            [api_error(404, "There's an issue with the selected model")],
            1,
            "bad-model",
            "There's an issue with the selected model",
            id="404 model",
        ),
        pytest.param(
            [api_error(400, "Credit balance is too low")], 1, "billing", "Credit balance is too low", id="credit"
        ),
        pytest.param(
            [api_error(400, "Prompt is too long") | {"terminal_reason": "prompt_too_long"}],
            1,
            "too-long",
            "Prompt is too long",
            id="prompt too long",
        ),
        pytest.param(
            [api_error(None, "Prompt is too long") | {"terminal_reason": "blocking_limit"}],
            1,
            "too-long",
            "Prompt is too long",
            id="prompt too long, found locally",
        ),
        pytest.param(
            [api_error(429, "API Error: Request rejected (429) · slow down")],
            1,
            "overloaded",
            "API Error: Request rejected (429) · slow down",
            id="429 with an API key",
        ),
        pytest.param([api_error(529, OVERLOADED)], 1, "overloaded", OVERLOADED, id="529"),
        pytest.param([api_error(500)], 1, "overloaded", "the model's API answered 500", id="500 without a word"),
        pytest.param(
            [api_error(None, "Connection refused ... (ECONNREFUSED)")],
            1,
            "overloaded",
            "Connection refused ... (ECONNREFUSED)",
            id="connection refused",
        ),
        pytest.param(
            [result(structured_output={"a": 1}, terminal_reason="completed")], 0, "done", "", id="stream cut, fell back"
        ),
        pytest.param(
            [api_error(None, "Connection to the API was lost (StreamTruncated)")],
            1,
            "overloaded",
            "Connection to the API was lost (StreamTruncated)",
            id="stream cut, no fall-back",
        ),
        pytest.param(
            [api_error(None, "I cannot", stop_reason="refusal")], 1, "refused-by-model", "I cannot", id="refusal"
        ),
        pytest.param(
            [api_error(None, "exceeded the 128000 output token maximum")],
            1,
            "overloaded",
            "exceeded the 128000 output token maximum",
            id="max tokens",
        ),
        pytest.param([result("error_max_structured_output_retries")], 1, "bad-output", "", id="schema never valid"),
        pytest.param([result(result="done!")], 0, "bad-output", "it ended without an answer", id="never answered"),
        pytest.param(
            [result(structured_output="text")], 0, "bad-output", "it ended without an answer", id="answered with text"
        ),
        pytest.param([], 143, "crash", "exit code 143 without a result: ", id="SIGTERM"),
        pytest.param([], 129, "crash", "exit code 129 without a result: ", id="SIGHUP"),
        pytest.param(
            [result("error_during_execution", terminal_reason="aborted_tools")], 0, "crash", "", id="SIGINT in Bash"
        ),
        pytest.param([], 0, "crash", "exit code 0 without a result: ", id="SIGINT while waiting: rc 0, no result"),
        pytest.param(
            [result(terminal_reason="aborted_streaming", structured_output={})], 0, "crash", "", id="SIGINT, streaming"
        ),
        pytest.param([], -2, "crash", "exit code -2 without a result: ", id="SIGINT at once"),
        pytest.param([], -9, "killed", "the agent was killed from outside", id="SIGKILL"),
    ],
)
def test_every_ending_of_claude_that_was_measured(events, code, outcome, reason):
    found = ended(*events, code=code)
    assert (found.outcome, found.reason, found.until) == (outcome, reason, None)
    assert found.cost_usd == (0.5 if events else None if found.outcome in ("crash", "killed") else 0.0)


@pytest.mark.parametrize(
    ("events", "until"),
    [
        pytest.param([LIMIT, api_error(429, FIVE_HOURS, api_error="usage_limit_reached")], RESETS, id="5 hours"),
        pytest.param([LIMIT, api_error(429, "slow down")], RESETS, id="only the event says so"),
        pytest.param([api_error(429, FIVE_HOURS)], None, id="only the words say so"),
        pytest.param([WARNING, api_error(429, "x", api_error="usage_limit_reached")], None, id="only the field"),
        pytest.param(
            [LIMIT, api_error(429, "You've hit your weekly limit · resets Nov 22, 11:24pm (UTC)")], RESETS, id="weekly"
        ),
    ],
)
def test_a_usage_limit_is_told_with_its_end(events, until):
    found = ended(*events, code=1)
    assert (found.outcome, found.until) == ("usage-limit", until)


def test_a_warning_is_no_limit():
    assert ended(WARNING, result(structured_output={"a": 1})).outcome == "done"
    assert ended(WARNING, api_error(529, OVERLOADED), code=1).outcome == "overloaded"


@pytest.mark.parametrize("killed", ["timeout", "stalled", "stopped"])
def test_what_we_ended_is_called_so_whatever_it_printed(killed):
    found = ended(result(structured_output={"a": 1}), killed=killed, code=0)
    assert found == AgentOutcome(outcome=killed, reason=f"the agent was ended: {killed}", cost_usd=0.5)


def test_what_could_not_be_started_is_a_mistake_of_the_setup():
    found = ended(killed="not started", code=None, error="claude: No such file or directory")
    assert found == AgentOutcome(outcome="misconfigured", reason="claude: No such file or directory")
    assert ended(killed="not started", code=None) == AgentOutcome(outcome="misconfigured", reason="not started")


@pytest.mark.parametrize(
    ("stderr", "code", "outcome"),
    [
        pytest.param("error: unknown option '--restricted'", 1, "misconfigured", id="an older command line"),
        pytest.param("Settings file not found", 1, "misconfigured", id="settings"),
        pytest.param("Error: Invalid session ID", 1, "misconfigured", id="session id"),
        pytest.param("Claude configuration file at x is corrupted\nbackup", 1, "misconfigured", id="corrupt"),
        pytest.param("Error: Input must be provided", 1, "misconfigured", id="no prompt"),
        pytest.param("Segmentation fault", 1, "crash", id="anything else"),
        pytest.param("unknown option", 139, "crash", id="another exit code"),
    ],
)
def test_an_ending_without_a_result_is_told_by_its_last_words(stderr, code, outcome):
    found = ended("half a line {", code=code, stderr=stderr)
    assert found.outcome == outcome
    assert stderr.splitlines()[-1] in found.reason


def test_the_last_result_counts_and_its_answer_comes_along():
    found = ended("noise", result("error_max_turns"), [1], result(structured_output={"title": "x"}), '{"type": "res')
    assert found == AgentOutcome(outcome="done", answer={"title": "x"}, cost_usd=0.5)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(result([]), id="a list for the subtype"),
        pytest.param(result(total_cost_usd="free", is_error=True), id="a word for the cost"),
        pytest.param('{"type":"result","total_cost_usd":1e999}', id="an endless cost"),
        pytest.param('{"type":"result","total_cost_usd":NaN}', id="a cost that is no number"),
        pytest.param(result(is_error=True, errors="text", result=None), id="a text for the errors"),
        pytest.param('{"type":"result","a":' + "[" * 100_000, id="a deep well"),
    ],
)
@pytest.mark.parametrize("limit", ["text", None, {"status": "rejected", "resetsAt": 1e300}, {"status": "rejected"}])
def test_nothing_an_agent_prints_is_a_bug_of_ours(event, limit):
    found = ended({"type": "rate_limit_event", "rate_limit_info": limit}, event, code=1)
    assert found.outcome != "done"
    assert found.until is None
    assert found.cost_usd is None or 0 <= found.cost_usd < 10


def test_what_only_the_account_or_the_operator_can_mend_is_nobodys_own_fault():
    assert OWN_FAULT.isdisjoint(
        {"usage-limit", "auth", "billing", "overloaded", "bad-model", "misconfigured", "killed"}
    )


# --- any executable ---------------------------------------------------------------------------------------------------


def test_a_script_is_started_with_its_own_words_and_nothing_of_ours():
    plan = SCRIPT.plan(brief(settings={"command": "python3 'my agent.py' --fast"}))
    assert plan.argv == ("python3", "my agent.py", "--fast")
    assert (plan.idle_seconds, plan.key) == (None, None)
    assert plan.env == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/run/work/home",
        "TMPDIR": "/run/work/tmp",
        "LANG": "C.UTF-8",
        "GIT_AUTHOR_NAME": "fleet",
        "GIT_AUTHOR_EMAIL": "fleet@localhost",
        "GIT_COMMITTER_NAME": "fleet",
        "GIT_COMMITTER_EMAIL": "fleet@localhost",
        "GIT_TERMINAL_PROMPT": "0",
        "FLEET_ROLE": "ui_builder",
        "FLEET_MODE": "task_driven",
        "FLEET_ITEM": "issue-12",
        "FLEET_BRIEF": "/run/work/system.md",
        "FLEET_SLOT": "/slots/ui_builder-0",
        "FLEET_RUN": "20300107-120000-0a1b2c3d",
    }


@pytest.mark.parametrize(
    ("stdout", "facts", "expected"),
    [
        pytest.param('{"title": "x"}', {}, AgentOutcome(outcome="done", answer={"title": "x"}), id="an object"),
        pytest.param(
            'thinking\n{"a": 1}\n{"title": "x",\n',
            {},
            AgentOutcome(outcome="done", answer={"a": 1}),
            id="last whole one",
        ),
        pytest.param('{\n "title": "x"\n}\n', {}, AgentOutcome(outcome="done", answer={"title": "x"}), id="over lines"),
        pytest.param(
            '{"title": "x", "cost_usd": 0.25}',
            {},
            AgentOutcome(outcome="done", answer={"title": "x"}, cost_usd=0.25),
            id="with its cost",
        ),
        pytest.param(
            '{"a": 1, "cost_usd": "free"}', {}, AgentOutcome(outcome="done", answer={"a": 1}), id="a word for the cost"
        ),
        pytest.param(
            '{"a": 1, "cost_usd": -1}', {}, AgentOutcome(outcome="done", answer={"a": 1}), id="a cost below 0"
        ),
        pytest.param(
            '{"a": 1, "cost_usd": 1e999}', {}, AgentOutcome(outcome="done", answer={"a": 1}), id="endless cost"
        ),
        pytest.param(
            "done!", {}, AgentOutcome(outcome="bad-output", reason="it printed no JSON object"), id="no object"
        ),
        pytest.param("[1]", {}, AgentOutcome(outcome="bad-output", reason="it printed no JSON object"), id="a list"),
        pytest.param(
            "[" * 100_000, {}, AgentOutcome(outcome="bad-output", reason="it printed no JSON object"), id="a deep well"
        ),
        pytest.param(
            '{"a": 1, "cost_usd": 1}',
            {"code": 3, "stderr": "x\nit broke\n"},
            AgentOutcome(outcome="crash", reason="exit code 3: it broke", cost_usd=1.0),
            id="an exit code",
        ),
        pytest.param("", {"code": 3}, AgentOutcome(outcome="crash", reason="exit code 3: "), id="without a word"),
        pytest.param(
            "", {"code": -9}, AgentOutcome(outcome="killed", reason="the agent was killed from outside"), id="SIGKILL"
        ),
        pytest.param(
            '{"a": 1, "cost_usd": 1}',
            {"killed": "timeout"},
            AgentOutcome(outcome="timeout", reason="the agent was ended: timeout", cost_usd=1.0),
            id="its time was up",
        ),
        *[
            pytest.param(
                "", {"killed": why}, AgentOutcome(outcome=why, reason=f"the agent was ended: {why}"), id=f"it was {why}"
            )
            for why in ("stalled", "stopped")
        ],
        pytest.param(
            "",
            {"killed": "not started", "code": None, "error": "agent: No such file or directory"},
            AgentOutcome(outcome="crash", reason="agent: No such file or directory"),
            id="not started",
        ),
    ],
)
def test_what_the_output_of_a_script_means(stdout, facts, expected):
    ending = Ending(**{"killed": "", "code": 0, "stdout": stdout, "stderr": "", **facts})
    assert SCRIPT.outcome(ending) == expected
