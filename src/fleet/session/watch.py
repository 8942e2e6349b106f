"""The sentinel: watches production without a model, and remembers the first sight of its being down."""

import time
from datetime import UTC, datetime, timedelta

from fleet import ledger, probes
from fleet.errors import LostRaceError
from fleet.health import Production, production
from fleet.mirror import Mirror
from fleet.models import Entry, ProbeResult
from fleet.session.job import Job
from fleet.settings import ProbeSettings

EVERY = 20.0
"""Seconds between two rounds, with ``spawn.when: always``; otherwise it looks once."""
LASTS = 240.0


def watch(job: Job, mirror: Mirror) -> None:
    """Probe, remember, note what publish is to write down. Raises FleetError."""
    settings = [ProbeSettings(**{**p, "timeout": timedelta(seconds=p["timeout"])}) for p in job.health]
    end = time.monotonic() + (LASTS if job.always else 0.0)
    while True:
        results = probes.ask_all(settings)
        # The ledger's fetch just before this answered, so the network is there.
        state = production(results, github_answered=True)
        remember(job, mirror, state, results)
        if time.monotonic() + EVERY > end:
            break
        time.sleep(EVERY)
    job.note("failure.json", {"outcome": "watched", "reason": f"production is {state.value}"})


def remember(job: Job, mirror: Mirror, state: Production, results: tuple[ProbeResult, ...]) -> None:
    """Write the first sight of an outage, or take it away once production is up. Safe to race: one wins."""
    ref = ledger.down_ref(job.fleet)
    known = ledger.read(mirror, job.fleet).down
    try:
        if state is Production.DOWN and known is None:
            failed = next(result for result in results if not result.ok)
            entry = Entry(
                fleet=job.fleet, role=job.role, slot=job.slot, run=job.run, host=job.host, state="down",
                at=datetime.now(UTC), item="production", reason=f"{failed.url}: {failed.detail}", base=job.base_sha,
            )  # fmt: skip
            ledger.swap(mirror, [(ref, entry)])
        elif state is Production.UP and known is not None:
            ledger.forget(mirror, ref, known.oid)
    except LostRaceError:
        return  # another sentinel was faster and saw the same
