"""REST: pull requests, reviews, statuses and checks. Rule: as in `rest.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.sim import rules
from fleet.sim.model import ApiError, CheckRun, Status, invalid
from fleet.sim.rest import REPO, edit, ordered
from fleet.sim.routing import Answer, Call, Page, Routes

if TYPE_CHECKING:
    from fleet.sim.model import Review
    from fleet.sim.rest import Json

ROUTES = Routes()
on = ROUTES.on
STATES = ("error", "failure", "pending", "success")


@on("GET", REPO + "/pulls", "state head base sort direction")
def list_pulls(call: Call) -> Answer:
    """Pull requests, newest first unless `sort` is given with its own `direction`."""
    query = call.query
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    account = call.repo.account.login
    # GitHub ignores a `head` without an owner.
    wanted = head if head and ":" in head else None
    found = [
        pull
        for pull in call.repo.pulls.values()
        if state in ("all", pull.state) and wanted in (None, f"{account}:{pull.head}") and base in (None, pull.base)
    ]
    usual = "desc" if query.get("sort", "created") == "created" else "asc"
    return 200, Page(ordered(found, query, usual), lambda pull: call.shapes.pull(pull, call.user, full=False))


@on("POST", REPO + "/pulls", "title body head base draft")
def create_pull(call: Call) -> Answer:
    """Open a pull request; strangers may only from a fork, and there are none here."""
    if not rules.allows(call.repo, call.user, "write"):
        raise invalid("PullRequest", "custom", message="must be a collaborator")
    pull = call.world.open_pull(
        call.repo,
        call.user,
        title=call.required("title"),
        body=call.text("body") or "",
        head=call.required("head"),
        base=call.required("base"),
        draft=bool(call.body.get("draft")),
    )
    return 201, call.shapes.pull(pull, call.user)


@on("GET", REPO + "/pulls/{number}")
def get_pull(call: Call) -> Answer:
    """One pull request, with what has to be computed."""
    return 200, call.shapes.pull(call.pull, call.user)


@on("PATCH", REPO + "/pulls/{number}", "title body state")
def edit_pull(call: Call) -> Answer:
    """Change the text or the state."""
    edit(call, call.pull)
    return 200, call.shapes.pull(call.pull, call.user)


@on("PUT", REPO + "/pulls/{number}/merge", "merge_method sha commit_title commit_message")
def merge_pull(call: Call) -> Answer:
    """Merge."""
    sha = call.world.merge(
        call.pull,
        call.user,
        method=call.text("merge_method") or "merge",
        sha=call.text("sha"),
        title=call.text("commit_title"),
        message=call.text("commit_message"),
    )
    return 200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}


@on("GET", REPO + "/pulls/{number}/files")
def list_files(call: Call) -> Answer:
    """What the pull request changes."""
    return 200, Page(call.repo.git.changes(call.pull.base_sha, call.pull.head_sha), call.shapes.change)


# reviews


@on("GET", REPO + "/pulls/{number}/reviews")
def list_reviews(call: Call) -> Answer:
    """The reviews, oldest first; a pending one only for its author."""
    pull = call.pull
    seen = [review for review in pull.reviews if review.state != "PENDING" or review.author is call.user]
    return 200, Page(seen, lambda review: call.shapes.review(pull, review))


@on("POST", REPO + "/pulls/{number}/reviews", "event body commit_id comments")
def create_review(call: Call) -> Answer:
    """Review; GitHub answers 200, not 201."""
    event = call.text("event") or "PENDING"
    if event not in ("APPROVE", "REQUEST_CHANGES", "COMMENT", "PENDING"):
        raise ApiError(422, "Unprocessable Entity", [f"Variable $event of type PullRequestReviewEvent: {event}"])
    comments = call.body.get("comments") or ()
    review = call.world.review(call.pull, call.user, event, call.text("body") or "", call.text("commit_id"), comments)
    return 200, call.shapes.review(call.pull, review)


@on("PUT", REPO + "/pulls/{number}/reviews/{id}/dismissals", "message event")
def dismiss_review(call: Call) -> Answer:
    """Dismiss an opinion; it needs a message."""
    review: Review | None = next((one for one in call.pull.reviews if one.id == int(call.path["id"])), None)
    if review is None:
        raise ApiError(404, "Not Found")
    call.required("message")
    call.world.dismiss(call.pull, review, call.user)
    return 200, call.shapes.review(call.pull, review)


# statuses and checks


@on("POST", REPO + "/statuses/{sha}", "state context description target_url")
def create_status(call: Call) -> Answer:
    """Report a commit status."""
    call.world.need(call.repo, call.user, "write")
    state, sha = call.required("state"), call.path["sha"]
    if state not in STATES:
        raise invalid("Status", "custom", field_name="state", message="state is not included in the list")
    if not call.repo.git.has_commit(sha):
        raise ApiError(422, f"No commit found for SHA: {sha}")
    texts = {"description": call.text("description"), "target_url": call.text("target_url")}
    context = call.text("context") or "default"
    status = call.world.set_status(call.repo, sha, context, state, call.user, **texts)
    return 201, call.shapes.status(call.repo, sha, status)


@on("GET", REPO + "/commits/{ref*}/status")
def get_status(call: Call) -> Answer:
    """The combined status: statuses only, no check runs; pending when there are none."""
    sha = call.world.resolve(call.repo, call.path["ref"])
    found = [item for item in rules.contexts(call.repo, sha) if isinstance(item, Status)]
    states = {status.state for status in found}
    worst = next((s for s, bad in (("failure", {"failure", "error"}), ("pending", {"pending"})) if bad & states), None)
    state = worst or ("success" if states else "pending")

    def wrap(shaped: list[Json]) -> Json:
        facts = {"state": state, "sha": sha, "total_count": len(found), "statuses": shaped}
        return {**facts, "repository": call.shapes.repo(call.repo, call.user)}

    return 200, Page(found, lambda status: call.shapes.status(call.repo, sha, status), wrap)


@on("GET", REPO + "/commits/{ref*}/check-runs", "check_name status")
def list_check_runs(call: Call) -> Answer:
    """The check runs of a commit."""
    sha = call.world.resolve(call.repo, call.path["ref"])
    wanted = (call.query.get("check_name"), call.query.get("status"))
    found = [
        item
        for item in rules.contexts(call.repo, sha)
        if isinstance(item, CheckRun) and wanted[0] in (None, item.name) and wanted[1] in (None, item.status)
    ]

    def wrap(shaped: list[Json]) -> Json:
        return {"total_count": len(found), "check_runs": shaped}

    return 200, Page(found, lambda run: call.shapes.check(call.repo, sha, run), wrap)


@on("POST", REPO + "/check-runs", "name head_sha status conclusion output details_url external_id")
def create_check_run(call: Call) -> Answer:
    """Report a check run; only GitHub Apps may."""
    if call.user.kind != "Bot":
        raise ApiError(403, "You must authenticate via a GitHub App.")
    call.world.need(call.repo, call.user, "write")
    sha = call.required("head_sha")
    if not call.repo.git.has_commit(sha):
        raise ApiError(422, f"No commit found for SHA: {sha}")
    conclusion = call.text("conclusion")
    status = call.text("status") or ("completed" if conclusion else "queued")
    details = {key: call.body[key] for key in ("output", "details_url", "external_id") if key in call.body}
    run = call.world.set_check(
        call.repo,
        sha,
        call.required("name"),
        status,
        conclusion,
        app=call.user.login.removesuffix("[bot]"),
        workflow=None,
        event=None,
        details=details,
    )
    return 201, call.shapes.check(call.repo, sha, run)
