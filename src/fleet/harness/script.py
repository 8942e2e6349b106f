"""Any executable as an agent: the prompt on stdin, the answer as one JSON object on stdout, working in the clone.

The answer may carry ``cost_usd``, what the run cost. Standard error is kept as its log.
"""

import json
import shlex

from fleet.harness import KILLED_FROM_OUTSIDE, MOST_USD, AgentOutcome, AgentPlan, Brief, Ending


class Script:
    """The executable named by ``session.command``."""

    def plan(self, brief: Brief) -> AgentPlan:
        """Its own words from ``session.command``, in an environment made from nothing."""
        env = {
            "PATH": brief.path,
            "HOME": str(brief.scratch / "home"),
            "TMPDIR": str(brief.scratch / "tmp"),
            "LANG": "C.UTF-8",
            "GIT_AUTHOR_NAME": "fleet",
            "GIT_AUTHOR_EMAIL": "fleet@localhost",
            "GIT_COMMITTER_NAME": "fleet",
            "GIT_COMMITTER_EMAIL": "fleet@localhost",
            "GIT_TERMINAL_PROMPT": "0",
            "FLEET_ROLE": brief.role,
            "FLEET_MODE": brief.mode,
            "FLEET_ITEM": brief.item,
            "FLEET_BRIEF": str(brief.system_file),
            **brief.mark,
        }
        return AgentPlan(argv=tuple(shlex.split(brief.settings["command"])), env=env, idle_seconds=None)

    def outcome(self, ending: Ending) -> AgentOutcome:
        """Success is exit code 0 and a JSON object as the last thing printed."""
        answer = _last_object(ending.stdout)
        cost = answer.pop("cost_usd", 0.0) if answer else 0.0
        cost = float(cost) if isinstance(cost, int | float) and 0 <= cost < MOST_USD else 0.0
        if ending.killed:
            known = ending.killed if ending.killed in ("timeout", "stalled", "stopped") else "crash"
            return AgentOutcome(
                outcome=known, reason=ending.error or f"the agent was ended: {ending.killed}", cost_usd=cost
            )
        if ending.code == KILLED_FROM_OUTSIDE:
            return AgentOutcome(outcome="killed", reason="the agent was killed from outside", cost_usd=cost)
        if ending.code != 0:
            last = ending.stderr.strip().splitlines()[-1:] or [""]
            return AgentOutcome(outcome="crash", reason=f"exit code {ending.code}: {last[0]}"[:300], cost_usd=cost)
        if answer is None:
            return AgentOutcome(outcome="bad-output", reason="it printed no JSON object", cost_usd=cost)
        return AgentOutcome(outcome="done", answer=answer, cost_usd=cost)


def _last_object(text: str) -> dict[str, object] | None:
    """The whole output if it is a JSON object, else its last line that is one."""
    for candidate in (text, *reversed(text.strip().split("\n"))):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None
