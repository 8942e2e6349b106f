"""One authenticated way in to GitHub: sends a request once, bounds every wait, and names every refusal.

PyGithub 2.10 by default sleeps 0.25 s before each request and 1 s before each non-GET, repeats PUT and POST up to ten
times on 5xx, and waits for rate limits without bound (read in its Requester.py and GithubRetry.py). All of that is off
here: reads are tried three times at most by this file, writes exactly once.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from github import Auth, Github, GithubException, RateLimitExceededException

from fleet.errors import GitHubError, RateLimitedError

TRIES = 3
PAUSES = (0.5, 1.5)
"""Seconds between the tries of a read."""
_PASSING = (500, 502, 503, 504)
Json = dict[str, Any]


class Door:
    """Requests as one identity. ``deadline`` is on time.monotonic's scale: nothing is begun after it."""

    def __init__(
        self, api_url: str, token: str, *, name: str, deadline: float | None = None, timeout: int = 15,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.name = name
        """How messages call the token: the variable that holds it."""
        self.requests = 0
        self.deadline = deadline
        self._sleep = sleep
        self._requester = Github(
            base_url=api_url,
            auth=Auth.Token(token),
            timeout=timeout,
            per_page=100,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            user_agent="fleet",
        ).requester

    def query(self, text: str, variables: Mapping[str, Any], *, tries: int = TRIES) -> tuple[Json, list[Json]]:
        """Ask GraphQL; returns data and the errors that came with it. Raises GitHubError when there is no data."""
        answer: tuple[Json, list[Json]] = self._again(tries, lambda: self._query(text, variables))
        return answer

    def read(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  JSON of any shape
        """GET; path from ``/repos/...``. Raises GitHubError."""
        return self._again(TRIES, lambda: self._send("GET", path, parameters=dict(parameters or {}))[1])

    def write(self, verb: str, path: str, body: Any) -> Any:  # noqa: ANN401  JSON of any shape
        """POST, PUT, PATCH or DELETE, exactly once. Raises GitHubError; on 5xx it may have happened all the same."""
        return self._send(verb, path, body=body)[1]

    def _again(self, tries: int, ask: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Repeat a read that failed in passing; never one that GitHub refused or asked to slow down."""
        for n in range(1, tries + 1):
            try:
                return ask()
            except RateLimitedError:
                raise
            except GitHubError as error:
                passing = not error.person and (error.status is None or error.status in _PASSING)
                if not passing or n == tries or self._late(PAUSES[min(n, len(PAUSES)) - 1]):
                    raise
                self._sleep(PAUSES[min(n, len(PAUSES)) - 1])
        raise AssertionError("unreachable")

    def _query(self, text: str, variables: Mapping[str, Any]) -> tuple[Json, list[Json]]:
        body = {"query": text, "variables": dict(variables)}
        headers, answer = self._send("POST", self._requester.graphql_url, body=body)
        if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
            raise GitHubError("GitHub did not answer with GraphQL; is GITHUB_API_URL right?", person=True)
        errors = answer.get("errors") or []
        if any(error.get("type") in ("RATE_LIMITED", "RATE_LIMIT") for error in errors):
            raise _rate_limited(headers)
        data = answer.get("data")
        if not data:
            raise self._no_data(errors)
        return data, errors

    def _no_data(self, errors: list[Json]) -> GitHubError:
        message = str(errors[0].get("message", "no data")) if errors else "no data"
        if "went wrong while executing" in message or not errors:
            return GitHubError(f"GitHub could not finish the query: {message}", status=502)
        return GitHubError(f"GitHub refused the query: {message}", status=400, person=True)

    def _send(
        self, verb: str, path: str, *, body: Any = None, parameters: Json | None = None  # noqa: ANN401
    ) -> tuple[Json, Any]:  # fmt: skip
        if self._late(0.0):
            raise GitHubError("the pass has run out of time; GitHub was not asked")
        self.requests += 1
        try:
            headers, answer = self._requester.requestJsonAndCheck(verb, path, parameters=parameters, input=body)
        except RateLimitExceededException as error:
            raise _rate_limited(error.headers or {}) from error
        except GithubException as error:
            raise self._named(error, verb, path) from error
        except requests.Timeout as error:
            raise GitHubError("GitHub did not answer in time") from error
        except (requests.RequestException, RuntimeError, AssertionError) as error:
            raise GitHubError(f"GitHub was not reached: {_brief(error)}") from error
        except ValueError as error:
            raise GitHubError("GitHub's answer was cut short: it is no whole JSON") from error
        if isinstance(answer, dict) and isinstance(answer.get("data"), str):  # how PyGithub hands on what is no JSON
            raise GitHubError("GitHub did not answer with JSON; is GITHUB_API_URL right?", person=True)
        return headers, answer

    def _named(self, error: GithubException, verb: str, path: str) -> GitHubError:
        data = error.data if isinstance(error.data, dict) else {}
        message = str(data.get("message") or error.message or error.status)
        headers = error.headers or {}
        if error.status in (403, 429) and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"):
            return _rate_limited(headers)
        details = "; ".join(d if isinstance(d, str) else str(d.get("message") or d) for d in data.get("errors") or [])
        if error.status == 401:
            return GitHubError(
                f"GitHub does not accept the token in {self.name} (401 {message}); put a valid one there",
                status=401, person=True,
            )  # fmt: skip
        if error.status == 403:
            return GitHubError(
                f"the token in {self.name} lacks a permission (403 {message}); `fleet doctor` says which",
                status=403, person=True,
            )  # fmt: skip
        if error.status == 404:
            return GitHubError(
                f"not found, or not visible to the token in {self.name}: {verb} {path}", status=404, person=True
            )
        return GitHubError(
            f"GitHub answered {error.status}: {message}{': ' + details if details else ''}"[:300], status=error.status
        )

    def _late(self, pause: float) -> bool:
        return self.deadline is not None and time.monotonic() + pause > self.deadline


def _rate_limited(headers: Mapping[str, Any]) -> RateLimitedError:
    until = None
    if str(headers.get("retry-after", "")).isdigit():
        until = datetime.now(UTC) + timedelta(seconds=int(headers["retry-after"]))
    elif str(headers.get("x-ratelimit-reset", "")).isdigit() and headers.get("x-ratelimit-remaining") == "0":
        until = datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC)
    when = f"until {until:%H:%M} UTC" if until else "for a while"
    return RateLimitedError(f"GitHub asks to wait {when}: its rate limit is reached; a later pass goes on", until=until)


def _brief(error: BaseException) -> str:
    """The innermost cause, in a line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return (str(error) or type(error).__name__).splitlines()[0][:200]
