"""Claude Code, headless. Argv and environment as measured with the real command line, 2.1.329; both built from nothing.

Until there is a wall it gets no shell and its file tools stay in the clone (``--restricted``). The clone's own agent
settings are never read: one of them can redirect the model's API together with the key (``--setting-sources ""``).
"""

import json
import shlex
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fleet.harness import KILLED_FROM_OUTSIDE, MOST_USD, AgentOutcome, AgentPlan, Brief, Ending, Key

IDLE_SECONDS = 900.0
"""Longer than the longest silence of a healthy run: two API time-outs and one pause between them."""
TOOLS = {
    "thinker": ("Read", "Grep", "Glob"),
    "reviewer": ("Read", "Grep", "Glob"),
    "task_driven": ("Read", "Grep", "Glob", "Edit", "Write"),
    "self_directed": ("Read", "Grep", "Glob", "Edit", "Write"),
}
KEY_DESCRIPTORS = {
    "CLAUDE_CODE_OAUTH_TOKEN": "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
}
API_KEY_DESCRIPTOR = "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"
_SWITCHES = {
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
}


class Claude:
    """The ``claude`` command."""

    def plan(self, brief: Brief) -> AgentPlan:
        """One headless session that cannot ask anybody anything."""
        settings = brief.settings
        tools = TOOLS[brief.mode]
        allowed = [f"{tool}(./**)" if tool in ("Edit", "Write") else tool for tool in tools]
        argv = [
            *shlex.split(settings["command"] or "claude"),
            "-p", "--output-format", "stream-json", "--verbose",
            "--model", settings["model"],
            "--max-turns", str(settings["max_turns"]),
            "--max-budget-usd", f"{settings['budget_usd']:g}",
            "--permission-mode", "dontAsk", "--permission-prompts", "none",
            "--setting-sources", "", "--strict-mcp-config", "--disable-slash-commands", "--restricted",
            "--tools", ",".join(tools), "--allowedTools", ",".join(allowed),
            "--session-id", str(uuid.uuid5(uuid.NAMESPACE_URL, brief.run)),
            "--append-system-prompt-file", str(brief.system_file),
            "--json-schema", json.dumps(brief.schema()),
        ]  # fmt: skip
        variable = settings["model_key"]["env"]
        key = Key(secret=variable, way="fd", name=KEY_DESCRIPTORS.get(variable, API_KEY_DESCRIPTOR))
        return AgentPlan(argv=tuple(argv), env=_environment(brief), idle_seconds=IDLE_SECONDS, key=key)

    def outcome(self, ending: Ending) -> AgentOutcome:
        """Classify by the last result event; the exit code alone says too little (it is 0 after SIGINT)."""
        events = list(_events(ending.stdout))
        result: Mapping[str, Any] = next((e for e in reversed(events) if e.get("type") == "result"), {})
        cost = result.get("total_cost_usd")
        cost_usd = float(cost) if isinstance(cost, int | float) and 0 <= cost < MOST_USD else None
        if ending.killed in ("timeout", "stalled", "stopped"):
            return AgentOutcome(
                outcome=ending.killed, reason=f"the agent was ended: {ending.killed}", cost_usd=cost_usd
            )
        if ending.killed:
            return AgentOutcome(outcome="misconfigured", reason=ending.error or ending.killed)
        if not result:
            return _without_result(ending)
        name, reason, until = classify(result, events)
        return AgentOutcome(
            outcome=name, reason=reason, until=until, cost_usd=cost_usd, answer=result.get("structured_output")
        )


def classify(result: Mapping[str, Any], events: list[Mapping[str, Any]]) -> tuple[str, str, datetime | None]:
    """Name what a result event means: outcome, reason, and until when a limit lasts. Order as measured."""
    errors = result.get("errors")
    said = str(result.get("result") or ("; ".join(map(str, errors)) if isinstance(errors, list) else ""))[:300]
    by_subtype = {
        "error_max_turns": "turn-limit",
        "error_max_budget_usd": "budget",
        "error_max_structured_output_retries": "bad-output",
        "error_during_execution": "crash",
    }
    if (subtype := str(result.get("subtype"))) in by_subtype:
        return by_subtype[subtype], said, None
    if str(result.get("terminal_reason", "")).startswith("aborted"):
        return "crash", said, None
    if result.get("is_error"):
        return _api_error(result, events, said)
    if not isinstance(result.get("structured_output"), dict):
        return "bad-output", "it ended without an answer", None
    return "done", "", None


def _api_error(
    result: Mapping[str, Any], events: list[Mapping[str, Any]], said: str
) -> tuple[str, str, datetime | None]:
    told = [e.get("rate_limit_info") for e in events if e.get("type") == "rate_limit_event"]
    limits = [info for info in told if isinstance(info, dict) and info.get("status") == "rejected"]
    status = result.get("api_error_status")
    if result.get("api_error") == "usage_limit_reached" or limits or "hit your" in said:
        at = limits[-1].get("resetsAt") if limits else None
        known = isinstance(at, int | float) and 0 < at < 2**32
        return "usage-limit", said, datetime.fromtimestamp(at, UTC) if known and at else None
    words = ("Not logged in", "Invalid API key", "Failed to authenticate")
    if status in (401, 403) or any(word in said for word in words):
        return "auth", said, None
    if "Credit balance is too low" in said:
        return "billing", said, None
    if status == 404:
        return "bad-model", said, None
    if result.get("terminal_reason") in ("prompt_too_long", "blocking_limit"):
        return "too-long", said, None
    if result.get("stop_reason") == "refusal":
        return "refused-by-model", said, None
    return "overloaded", said or f"the model's API answered {status}", None


def _without_result(ending: Ending) -> AgentOutcome:
    words = ("unknown option", "Settings file", "Invalid session", "corrupted", "Input must be")
    if ending.code == KILLED_FROM_OUTSIDE:
        return AgentOutcome(outcome="killed", reason="the agent was killed from outside", cost_usd=None)
    complaint = (ending.stderr.strip().splitlines() or [""])[-1][:300]
    if ending.code == 1 and any(word in ending.stderr for word in words):
        return AgentOutcome(outcome="misconfigured", reason=complaint)
    return AgentOutcome(outcome="crash", reason=f"exit code {ending.code} without a result: {complaint}", cost_usd=None)


def _environment(brief: Brief) -> dict[str, str]:
    scratch = brief.scratch
    env = {
        "PATH": brief.path,
        "HOME": str(scratch / "home"),
        "CLAUDE_CONFIG_DIR": str(scratch / "claude"),
        "TMPDIR": str(scratch / "tmp"),
        "CLAUDE_CODE_TMPDIR": str(scratch / "tmp"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **_SWITCHES,
        **brief.mark,
    }
    return env | ({"ANTHROPIC_BASE_URL": brief.model_api} if brief.model_api else {})


def _events(text: str) -> list[Mapping[str, Any]]:
    """Every line that is a JSON object; unknown kinds are normal, half a line at the end is too."""
    found: list[Mapping[str, Any]] = []
    for line in text.split("\n"):  # splitlines would cut at U+2028 inside a string
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            found.append(event)
    return found
