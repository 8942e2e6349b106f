"""The one door to the git command. Built from an empty environment: no configuration of the account's is read."""

import base64
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet.errors import DISK_FULL, GitError

PASSED_ON = (
    "PATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
)
"""Variables that git needs to reach a server from behind a company's proxy; nothing else of ours reaches it."""

_ALONE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
    "HOME": "/nonexistent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository on a server, and the token for it. The token never stands in a URL or an argv."""

    url: str
    token: str = field(default="", repr=False)

    def env(self) -> dict[str, str]:
        """Configuration for one git process, through its environment (git-config(1), GIT_CONFIG_COUNT)."""
        pairs = {"gc.auto": "0", "core.hooksPath": "/dev/null", "protocol.allow": "never"}
        pairs |= {f"protocol.{name}.allow": "always" for name in ("https", "http", "file")}
        if self.token:
            basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            pairs[f"http.{self.url}.extraHeader"] = f"Authorization: Basic {basic}"
        env = {"GIT_CONFIG_COUNT": str(len(pairs))}
        for n, (key, value) in enumerate(pairs.items()):
            env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
        return env


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Runs git with a timeout. ``env`` is the account's; only ``PASSED_ON`` is taken from it."""

    env: Mapping[str, str] = field(repr=False)
    timeout: float = 60.0

    def run(
        self,
        *argv: str,
        at: Path | None = None,
        remote: Remote | None = None,
        feed: bytes = b"",
        ok: Sequence[int] = (0,),
        extra: Mapping[str, str] | None = None,
        keep: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command, in the bare repository ``at`` if given. Raises GitError with git's own last line.

        ``keep`` are descriptors that git holds as long as it lives, such as a lock.
        """
        where = [f"--git-dir={at}"] if at else []
        env = {k: v for k, v in self.env.items() if k in PASSED_ON} | _ALONE
        env |= (remote or Remote(url="")).env() | dict(extra or {})
        try:
            done = self._run(["git", *where, *argv], env, feed, keep)
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {argv[0]}: no answer within {self.timeout:.0f} s") from error
        except FileNotFoundError as error:
            raise GitError("git is not installed or not on PATH; install git 2.38 or newer") from error
        except OSError as error:
            raise GitError(f"git {argv[0]}: {error.strerror}") from error
        if done.returncode not in ok:
            output = (done.stderr + b"\n" + done.stdout).decode(errors="replace")
            said = f"the disk is full ({at or argv[-1]}); free some space" if DISK_FULL in output else ""
            raise GitError(said or f"git {argv[0]}: {_complaint(output, done.returncode)}", output=output)
        return done

    def _run(
        self, argv: list[str], env: Mapping[str, str], feed: bytes, keep: Sequence[int]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run and wait. Past the time-out the whole group ends: git's own children hold locks and tokens too."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env, pass_fds=tuple(keep), start_new_session=True
        ) as child:
            try:
                out, err = child.communicate(feed, timeout=self.timeout)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(argv, child.returncode, out, err)

    def text(self, *argv: str, at: Path | None = None, feed: bytes = b"") -> str:
        """Run one local command and return what it prints, without the last newline. Raises GitError."""
        return self.run(*argv, at=at, feed=feed).stdout.decode(errors="replace").rstrip("\n")


def _complaint(output: str, code: int) -> str:
    """The line of git's output that says most."""
    lines = [line.strip() for line in output.splitlines() if "the remote end hung up" not in line]
    for word in ("fatal:", "! ", "remote: error:", "error:", "remote:"):
        for line in lines:
            if line.startswith(word):
                return line.removeprefix(word).strip()[:300]
    return next((line for line in lines if line), f"exit code {code}")[:300]
