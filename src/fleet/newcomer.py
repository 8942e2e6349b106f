"""What `fleet init` writes: a first roster and its briefs, the environment file for cron, and the crontab line."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree

from fleet import roster
from fleet.errors import ConfigError
from fleet.settings import Roster
from fleet.site import WHO

FIRST_FIVE = {"code_reviewer": 1, "fullstack_builder": 2, "unit_tester": 1, "documentation_engineer": 1}
"""A first night: five sessions that build what is labelled, test, document and review."""
_REMOTE = re.compile(r"(?:[a-z+]+://(?:[^@/]+@)?[^/]+/|[^@]+@[^:/]+:)(?P<repo>[^/]+/[^/]+?)(?:\.git)?/?")


def repo_of(remote: str) -> str:
    """``owner/name`` from a git remote's URL. Raises ConfigError."""
    match = _REMOTE.fullmatch(remote.strip())
    if not match:
        raise ConfigError(f'cannot tell owner/name from the remote "{remote}"; say `fleet init --repo owner/name`')
    return match["repo"]


def fleet_name(repo: str) -> str:
    """A fleet's name that fits the roster's rules."""
    return re.sub(r"[^a-z0-9-]+", "-", repo.replace("/", "-").lower()).strip("-")[:31].rstrip("-")


def first_roster(shipped: str, *, repo: str, full: bool) -> str:
    """The shipped roster's text for another repository: five sessions, or all. Pure."""
    text = re.sub(r"(?m)^fleet: \S+( *)", f"fleet: {fleet_name(repo)}\\1", shipped, count=1)
    text = re.sub(r"(?m)^repo: \S+", f"repo: {repo}", text, count=1)
    text = re.sub(
        r"(?m)^health:\n  - \S+ +#",
        "health: []                            # URLs that say whether production is up;",
        text,
    )
    text = re.sub(
        r"(?m)^  authors: any +#.*$", "  authors: fleet                      # any: also those of people and bots", text
    )
    if full:
        return text
    head, roles = text.split("\nroles:\n")
    kept = []
    for line in roles.splitlines():
        key = line.split(":")[0].strip()
        if key in FIRST_FIVE:
            kept.append(re.sub(r"count: \d+", f"count: {FIRST_FIVE[key]}", line))
    return f"{head}\nroles:\n" + "\n".join(kept) + "\n"


def write(folder: Path, text: str) -> list[Path]:
    """Put roster.yaml and briefs/ into a folder. Raises ConfigError when a roster is there already."""
    target = folder / "roster.yaml"
    if target.exists():
        raise ConfigError(f"{target} is there already; edit it, or name another folder")
    roster.parse(text, str(target))
    folder.mkdir(parents=True, exist_ok=True)
    copytree(roster.shipped() / "briefs", folder / "briefs", dirs_exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return [target, folder / "briefs"]


def variables(rules: Roster) -> list[str]:
    """The names of the variables that this roster needs, tokens first."""
    names = [getattr(rules.identities, who).token_env for who in WHO]
    names += [r.session.model_key.env for r in rules.roles.values() if r.session.harness == "claude"]
    return list(dict.fromkeys(names))


def environment_file(path: Path, rules: Roster, env: Mapping[str, str]) -> bool:
    """Make the file that cron's shell reads, for its owner only; secrets are left for the owner to fill in.

    Returns whether it was written; one that is there stays.
    """
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    lines = ["# Read by the crontab line of fleet. Fill in the values; keep the mode at 600."]
    lines += [f"{name}=" for name in variables(rules)]
    keep = ("PATH", "GITHUB_API_URL", "GITHUB_SERVER_URL", "FLEET_HOME", "ANTHROPIC_BASE_URL")
    lines += [f"{name}={shlex.quote(env[name])}" for name in keep if env.get(name)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return True


def crontab_line(*, program: Path, roster_path: Path, env_file: Path, log: Path) -> str:
    """One line for `crontab -e`, with absolute paths; a percent sign would end a command in a crontab."""
    q = [shlex.quote(str(part)).replace("%", r"\%") for part in (env_file, program, roster_path, log)]
    return f"*/5 * * * * set -a; . {q[0]}; set +a; exec {q[1]} reconcile {q[2]} --log-format json >> {q[3]} 2>&1"
