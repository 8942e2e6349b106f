"""REST: the repository, its issues, labels, branches and files. Rule: routes in the order of GitHub's docs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleet.sim import rules
from fleet.sim.model import ApiError
from fleet.sim.routing import Answer, Call, Page, Routes

if TYPE_CHECKING:
    from fleet.sim.model import Issue

Json = dict[str, Any]
ROUTES = Routes()
on = ROUTES.on
REPO = "/repos/{owner}/{repo}"


@on("GET", "/user")
def get_user(call: Call) -> Answer:
    """Whose token is this? An App has no user."""
    if call.user.kind == "Bot":
        raise ApiError(403, "Resource not accessible by integration")
    return 200, call.shapes.user(call.user)


@on("GET", REPO)
def get_repo(call: Call) -> Answer:
    """The repository."""
    return 200, call.shapes.repo(call.repo, call.user)


@on("GET", REPO + "/collaborators/{login}/permission")
def get_permission(call: Call) -> Answer:
    """`permission` knows four levels, `role_name` all six."""
    call.world.need(call.repo, call.user, "write", "Must have push access to view collaborator permission.")
    user = call.world.users.get(call.path["login"].lower())
    if user is None:
        raise ApiError(404, f"{call.path['login']} is not a user")
    level = rules.level(call.repo, user)
    plain = {"maintain": "write", "triage": "read"}.get(level, level)
    return 200, {"permission": plain, "role_name": level, "user": call.shapes.user(user)}


# issues


@on("GET", REPO + "/issues", "state labels since sort direction")
def list_issues(call: Call) -> Answer:
    """Issues and, as GitHub has it, pull requests."""
    query = call.query
    state, wanted = query.get("state", "open"), set(filter(None, query.get("labels", "").lower().split(",")))
    found = [
        issue
        for issue in (*call.repo.issues.values(), *call.repo.pulls.values())
        if state in ("all", issue.state) and wanted <= {name.lower() for name in issue.labels}
    ]
    if since := query.get("since"):
        found = [issue for issue in found if issue.updated >= datetime.fromisoformat(since).astimezone(UTC)]
    return 200, Page(ordered(found, query), call.shapes.issue)


def ordered(issues: list[Any], query: dict[str, str], usual: str = "desc") -> list[Any]:
    """Sort by `sort` (created or updated) and `direction`."""
    by = query.get("sort", "created")
    if by not in ("created", "updated"):
        raise ApiError(422, f"fleet.sim does not simulate sort={by}")
    down = query.get("direction", usual) == "desc"
    return sorted(issues, key=lambda issue: (getattr(issue, by), issue.number), reverse=down)


@on("POST", REPO + "/issues", "title body labels")
def create_issue(call: Call) -> Answer:
    """Open an issue."""
    labels = [_label_name(label) for label in call.body.get("labels") or ()]
    text = call.text("body") or ""
    issue = call.world.open_issue(call.repo, call.user, call.required("title"), text, labels)
    return 201, call.shapes.issue(issue)


@on("GET", REPO + "/issues/{number}")
def get_issue(call: Call) -> Answer:
    """One issue or pull request."""
    return 200, call.shapes.issue(call.issue)


@on("PATCH", REPO + "/issues/{number}", "title body state state_reason labels")
def edit_issue(call: Call) -> Answer:
    """Change the text, the labels or the state; labels of those who may not label are dropped."""
    edit(call, call.issue)
    if (labels := call.body.get("labels")) is not None:
        wanted = [_label_name(label) for label in labels]
        gone = [name for name in call.issue.labels if name.lower() not in {want.lower() for want in wanted}]
        call.world.unlabel(call.issue, call.user, *gone)
        call.world.label(call.issue, call.user, *wanted)
    return 200, call.shapes.issue(call.issue)


def edit(call: Call, issue: Issue) -> None:
    """What PATCH does to issues and pull requests alike. A null body empties it, an absent one stays."""
    if "title" in call.body or "body" in call.body:
        body = call.text("body") or "" if "body" in call.body else None
        call.world.edit(issue, call.user, call.text("title"), body)
    state = call.text("state")
    if state == "closed":
        call.world.close(issue, call.user, call.text("state_reason"))
    elif state == "open" and issue.state == "closed":
        call.world.reopen(issue, call.user)


@on("GET", REPO + "/issues/{number}/comments")
def list_comments(call: Call) -> Answer:
    """The comments, oldest first."""
    issue = call.issue
    return 200, Page(issue.comments, lambda comment: call.shapes.comment(issue, comment))


@on("POST", REPO + "/issues/{number}/comments", "body")
def create_comment(call: Call) -> Answer:
    """Comment."""
    return 201, call.shapes.comment(call.issue, call.world.comment(call.issue, call.user, call.required("body")))


# labels


def _label_name(label: str | dict[str, str]) -> str:
    return label if isinstance(label, str) else label["name"]


@on("POST", REPO + "/issues/{number}/labels", "labels")
def add_labels(call: Call) -> Answer:
    """Put labels on. The body is {"labels": [...]} or, as PyGithub sends it, the bare list."""
    call.world.need(call.repo, call.user, "triage")
    labels = call.body["labels"] if isinstance(call.body, dict) else call.body
    call.world.label(call.issue, call.user, *map(_label_name, labels))
    return 200, call.shapes.labels(call.issue)


@on("DELETE", REPO + "/issues/{number}/labels/{name*}")
def remove_label(call: Call) -> Answer:
    """Take one label off."""
    call.world.need(call.repo, call.user, "triage")
    if call.path["name"].lower() not in {name.lower() for name in call.issue.labels}:
        raise ApiError(404, "Label does not exist")
    call.world.unlabel(call.issue, call.user, call.path["name"])
    return 200, call.shapes.labels(call.issue)


@on("GET", REPO + "/labels")
def list_labels(call: Call) -> Answer:
    """The labels of the repository."""
    return 200, Page(list(call.repo.labels.values()), lambda label: call.shapes.label(call.repo, label))


@on("POST", REPO + "/labels", "name color description")
def create_label(call: Call) -> Answer:
    """Make a label."""
    call.world.need(call.repo, call.user, "write")
    color = call.text("color") or "ededed"
    label = call.world.add_label(call.repo, call.required("name"), color, call.text("description"))
    return 201, call.shapes.label(call.repo, label)


# branches, refs, files


@on("GET", REPO + "/branches/{branch*}")
def get_branch(call: Call) -> Answer:
    """A branch and its commit."""
    name = call.path["branch"]
    commit = call.shapes.commit(call.repo, call.world.head(call.repo, name))
    shape = {"name": name, "commit": commit, "protected": name in call.repo.protection, "protection": {}}
    url = f"{call.shapes.of(call.repo)}/branches/{name}"
    return 200, {**shape, "protection_url": f"{url}/protection", "_links": {"self": url, "html": url}}


@on("GET", REPO + "/git/ref/{ref*}")
def get_ref(call: Call) -> Answer:
    """A ref."""
    ref = f"refs/{call.path['ref']}"
    if ref not in call.repo.git.refs:
        raise ApiError(404, "Not Found")
    return 200, call.shapes.ref(call.repo, ref)


@on("DELETE", REPO + "/git/refs/{ref*}")
def delete_ref(call: Call) -> Answer:
    """Delete a ref; pull requests of a deleted branch close."""
    call.world.need(call.repo, call.user, "write")
    ref = f"refs/{call.path['ref']}"
    old = call.repo.git.refs.get(ref)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    if ref == f"refs/heads/{call.repo.default}":
        raise ApiError(422, "Cannot delete the default branch")
    call.world.set_ref(call.repo, ref, None, call.user, old)
    return 204, None


@on("GET", REPO + "/contents/{path*}", "ref")
def get_contents(call: Call) -> Answer:
    """A file with its text, or the list of a folder."""
    try:
        sha = call.world.resolve(call.repo, call.query.get("ref") or call.repo.default)
    except ApiError as error:
        raise ApiError(404, f"No commit found for the ref {call.query.get('ref')}") from error
    path = call.path["path"].strip("/")
    found = call.repo.git.entries(sha, path)
    if not found:
        raise ApiError(404, "Not Found")
    if found[0][0] == "blob":
        return 200, call.shapes.file(call.repo, sha, found[0], text=True)
    inside = call.repo.git.entries(sha, f"{path}/")
    return 200, [call.shapes.file(call.repo, sha, entry, text=False) for entry in inside]
