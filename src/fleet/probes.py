"""Asks production. The only httpx in fleet; what the answers mean stands in ``health.py``."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from fleet.models import ProbeResult
from fleet.settings import ProbeSettings

ATTEMPTS = 2
PAUSE = 1.0
"""Seconds before the second attempt."""
LARGEST = 2**20
"""Bytes of a body that are looked at."""


def ask_all(probes: Sequence[ProbeSettings], sleep: Callable[[float], None] = time.sleep) -> tuple[ProbeResult, ...]:
    """Ask every URL side by side, in the roster's order; each at most twice. Never raises for what a server does."""
    if not probes:
        return ()
    with ThreadPoolExecutor(max_workers=min(8, len(probes))) as pool:
        return tuple(pool.map(lambda probe: ask(probe, sleep), probes))


def ask(probe: ProbeSettings, sleep: Callable[[float], None] = time.sleep) -> ProbeResult:
    """Ask one URL; a second time when the first answer was not the expected one."""
    result = _once(probe, 1)
    if not result.ok and ATTEMPTS > 1:
        sleep(PAUSE)
        result = _once(probe, 2)
    return result


def _once(probe: ProbeSettings, attempt: int) -> ProbeResult:
    start = time.monotonic()
    try:
        status, body = _get(probe)
    except httpx.TimeoutException:
        ok, answered, detail = False, False, f"no answer within {probe.timeout.total_seconds():g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        ok, answered, detail = False, False, str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    else:
        ok = status == probe.status and (probe.contains is None or probe.contains in body)
        answered, detail = True, f"status {status}"
        if status == probe.status and not ok:
            detail += f', but the page does not hold "{probe.contains}"'
    return ProbeResult(
        url=probe.url, ok=ok, answered=answered, detail=detail, seconds=time.monotonic() - start, attempts=attempt
    )


def _get(probe: ProbeSettings) -> tuple[int, str]:
    """GET with one limit for the whole answer: httpx's own timeouts are for each step of it."""
    seconds = probe.timeout.total_seconds()
    end = time.monotonic() + seconds
    body = b""
    with httpx.stream("GET", probe.url, timeout=seconds, follow_redirects=probe.status // 100 != 3) as answer:
        for chunk in answer.iter_bytes():
            body += chunk
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the body took too long")
            if len(body) > LARGEST:
                break
        return answer.status_code, body.decode(answer.encoding or "utf-8", errors="replace")
