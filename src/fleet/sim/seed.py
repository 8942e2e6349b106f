"""A small world to start with. Rule: names and tokens are made up and look it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.sim.model import ApiError

if TYPE_CHECKING:
    from fleet.sim.model import Pull, Repo, User
    from fleet.sim.world import World

FLEET = ("fleet-author", "fleet-reviewer", "fleet-coordinator")
FILES = {
    "README.md": "# web\n\nThe shop's web pages.\n",
    "src/cart.py": "def total(prices):\n    return sum(prices)\n",
    "src/greet.py": 'def greet(name):\n    return "Hello " + name\n',
    "tests/test_cart.py": "from src.cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
}
ISSUES = (
    ("Greeting lacks a comma", "`greet` should say `Hello, Ana`."),
    ("An empty cart should say so", "The page shows 0 and nothing else."),
    ("Prices may be negative", "`total` should refuse them."),
)


def token_of(login: str) -> str:
    """The token of a seeded user."""
    return f"fake-token-{login}"


def seed(world: World, name: str = "acme/web") -> Repo:
    """One repository, its admin ana, the three accounts of a fleet, and some issues."""
    ana = world.add_user("ana", token=token_of("ana"))
    repo = world.add_repo(name, owner=ana, files=FILES)
    for login in FLEET:
        world.permit(repo, world.add_user(login, token=token_of(login)), "write")
    for title, body in ISSUES:
        world.open_issue(repo, ana, title, body)
    return repo


def add_pulls(world: World, repo: Repo, how_many: int, author: User, reviewer: User) -> list[Pull]:
    """Pull requests that are approved and green, each with a file of its own."""
    made = []
    for number in (world.next_number(repo) + i for i in range(how_many)):
        branch, path = f"made/{number}", f"made/{number}.txt"
        sha = world.commit(repo, branch, {path: f"{number}\n"}, f"Add {path}", author)
        pull = world.open_pull(repo, author, title=f"Add {path}", head=branch, base=repo.default)
        world.review(pull, reviewer, "APPROVE")
        world.set_check(repo, sha, "test", "completed", "success")
        made.append(pull)
    return made


def find_user(world: World, login: str) -> User:
    """A user by login."""
    if login.lower() not in world.users:
        raise ApiError(404, f"no user {login}")
    return world.users[login.lower()]
