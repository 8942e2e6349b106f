"""The demo's scripted agent: reads the prompt, commits, answers; sometimes fails, hangs or talks nonsense.

Run as ``python -m fleet.sim.agent`` by the script harness. Standard library only: it starts dozens of times.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

THINK_SECONDS = 0.5

FINDS = {
    "unit_tester": ("Cover the rounding of prices", "tests/test_rounding.py"),
    "e2e_tester": ("Walk through a whole purchase", "tests/test_purchase.py"),
    "security_auditor": ("Refuse negative quantities", "shop/quantities.py"),
    "frontend_optimizer": ("Load product images late", "shop/images.py"),
    "mobile_optimizer": ("Show the cart on narrow screens", "shop/narrow.py"),
    "web_standards_engineer": ("Name the language of each page", "shop/language.py"),
    "documentation_engineer": ("Say how to run the shop", "docs/running.md"),
    "cicd_engineer": ("Run the tests on every push", ".github/workflows/tests.yml"),
    "content_creator": ("Explain returns in plain words", "docs/returns.md"),
    "refactorer": ("Split the cart from its prices", "shop/split.py"),
    "code_cleaner": ("Drop the old price list", "shop/old_prices.py"),
    "ui_builder": ("Name the colour of the buttons", "settings.toml"),
    "api_builder": ("Answer unknown routes with 404", "shop/routes.py"),
    "fullstack_builder": ("Name the colour of the page", "settings.toml"),
    "growth_engineer": ("Ask for a rating after delivery", "shop/ratings.py"),
}
"""What a role finds by itself: title and file. Two of them change the same line, so one will conflict."""

TICKETS = {
    "product_designer": ("Let people save a cart for later", "ui", "Half of all carts are left; nothing keeps them."),
    "uiux_designer": ("Say what is wrong with a form field", "ui", "A refused form does not say which field is wrong."),
    "growth_strategist": (
        "Offer a gift message",
        "growth",
        "Every third order goes to another address than the buyer's.",
    ),
}


def main() -> int:
    """Do what the role of this session does in the demo."""
    prompt = sys.stdin.read()
    role, slot = os.environ["FLEET_ROLE"], Path(os.environ["FLEET_SLOT"]).name
    time.sleep(THINK_SECONDS)
    if slot == "api_builder-1":
        time.sleep(3600)  # hangs: the session's time-out ends it
    if role == "system_architect":
        return _say({"verdict": "splendid"})  # not the shape of its mode
    if slot == "fullstack_builder-1":
        sys.stderr.write("Segmentation fault\n")
        return 139
    if os.environ["FLEET_MODE"] == "thinker":
        return _think(role)
    if os.environ["FLEET_MODE"] == "reviewer":
        return _review(prompt)
    return _build(role, slot, prompt)


def _think(role: str) -> int:
    title, label, problem = TICKETS[role]
    ticket = {
        "title": title,
        "type": "feature",
        "priority": "medium",
        "label": label,
        "problem": problem,
        "files": ["shop/cart.py"],
        "acceptance_criteria": ["It works on the cart page", "A test covers it"],
    }
    return _say({"issues": [ticket]})


def _review(prompt: str) -> int:
    if "+# Answer unknown routes" in prompt:
        why = "It answers 404, but nothing tests it; add a test for a route that does not exist."
        return _say({"verdict": "request_changes", "summary": why, "comments": _remark(prompt)})
    return _say({"verdict": "approve", "summary": "One topic, small, and it does what it says.", "comments": []})


def _remark(prompt: str) -> list[dict[str, object]]:
    """A comment on the first added line of the diff."""
    path = re.search(r"^\+\+\+ b/(.+)$", prompt, re.MULTILINE)
    return [{"path": path[1], "line": 1, "body": "This needs a test."}] if path else []


def _build(role: str, slot: str, prompt: str) -> int:
    issue = re.search(r"Task: issue #(\d+)", prompt)
    title, path = FINDS.get(role, ("", ""))
    if issue:
        words = re.search(r"^-+ begin\n(.+)$", prompt.split("Issue #", 1)[1], re.MULTILINE)
        title, path = (words[1] if words else "Do what is asked")[:70], f"shop/issue_{issue[1]}.py"
    elif slot.endswith(("-1", "-2")) or not title:
        return _say({"nothing": "nothing worth a pull request in this part of the tree"})
    _write(Path(path), role, title)
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-q", "-m", title], check=True)
    body = f"{title}.\n\nWhy: it is what the {role.replace('_', ' ')} of this demo does. Checked: by reading it twice."
    return _say({"title": title, "body": body, "closes": [int(issue[1])] if issue else []})


def _write(path: Path, role: str, title: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "settings.toml":
        path.write_text(path.read_text().replace("colour = ", f"colour_by_{role} = "))
    else:
        mark = "#" if path.suffix in (".py", ".yml", ".md") else "//"
        path.write_text(f"{mark} {title}\n\n{mark} made by {role}\n")


def _say(answer: dict[str, object]) -> int:
    sys.stdout.write(json.dumps({**answer, "cost_usd": 0.04}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
