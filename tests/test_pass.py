"""The `fleet` command as cron runs it: real passes in processes of their own, against a simulated GitHub."""

import json
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.sim.seed import add_pulls
from ground import TOKENS, Ground, end_sessions, wait_for

BUILD = {"mode": "task_driven", "labels": ["ui"]}


class Fleet(Ground):
    """A ground on which the real command is run."""

    def run(self, *argv, **env):
        """One command; a variable that is None is left out."""
        given = {name: value for name, value in {**self.env, **env}.items() if value is not None}
        return subprocess.run(
            [sys.executable, "-m", "fleet", *argv], cwd=self.site_folder, env=given, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def reconcile(self, *argv, **env):
        """One pass; (its exit code, its report)."""
        done = self.run("reconcile", "--json", *argv, **env)
        assert len(done.stdout.splitlines()) == 1, done.stderr
        assert not [token for token in TOKENS.values() if token in done.stdout + done.stderr]
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    def settle(self):
        """Wait until no session runs."""
        wait_for(lambda: not any(s.running for s in self.spawner.sessions()))

    def green(self):
        for pull in self.repo.pulls.values():
            self.hub.set_status(self.repo, pull.head_sha, "ci", "success")

    def ready(self):
        """A pull request that is approved and green."""
        (pull,) = add_pulls(self.hub, self.repo, 1, self.author, self.ana)
        return pull


@pytest.fixture
def fleet(tmp_path):
    made = Fleet(tmp_path)
    yield made
    made.close()
    made.obeys()


def started(report):
    return sorted(s["slot"] for role in report["spawns"] for s in role["starts"] if s["result"] == "started")


def why(report, role):
    return next((each["code"], each["reason"]) for each in report["spawns"] if each["role"] == role)


def merged(report):
    return [each["number"] for each in report["merges"] if each["result"] == "merged"]


def tree(folder):
    """Every file and what is in it; None for a folder that is not there."""
    if not folder.exists():
        return None
    return {path: path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


# from an issue to a merge


def test_an_issue_is_built_reviewed_and_merged(fleet):
    fleet.write_roster({"build": BUILD, "approves": "reviewer"})
    issue = fleet.issue()
    reports = []
    for _ in range(3):
        code, report = fleet.reconcile()
        assert code == 0, report["errors"]
        reports.append(report)
        fleet.settle()
        fleet.green()
    (pull,) = (pull for pull in fleet.repo.pulls.values() if f"/issue-{issue.number}-" in pull.head)
    assert [started(report)[:1] for report in reports[:2]] == [["build-0"], ["approves-0"]]
    assert [merged(report) for report in reports] == [[], [], [pull.number]]
    assert pull.merged_by is fleet.coordinator
    assert [review.author for review in pull.reviews] == [fleet.reviewer]
    assert issue.state == "closed"
    assert fleet.hub.file(fleet.repo, "main", "src/build.py") == "y = 1\n"


def test_a_quiet_pass_asks_little_and_changes_nothing(fleet):
    fleet.write_roster({"build": BUILD, "approves": "reviewer"}, paused=True)
    assert fleet.reconcile()[0] == 0  # asks once whose tokens these are
    asked, refs = len(fleet.sim.requests), dict(fleet.repo.git.refs)
    code, report = fleet.reconcile()
    assert code == 0
    api = [request for request in fleet.sim.requests[asked:] if "/acme/web.git/" not in request.path]
    assert [request.path for request in api] == ["/graphql"]
    assert report["inventory"]["github_requests"] == 1
    assert fleet.repo.git.refs == refs
    assert why(report, "build")[0] == "paused"


# dry run and JSON


def writes(requests):
    """Requests that change something: all but reads, GraphQL queries and fetches."""
    reads = ("/graphql", "/git-upload-pack")
    return [r for r in requests if r.method != "GET" and not (r.method == "POST" and r.path.endswith(reads))]


def test_a_dry_run_writes_nothing_anywhere(fleet):
    fleet.write_roster({"build": BUILD, "thinks": "thinker"})
    fleet.issue()
    ready = fleet.ready()
    before = tree(fleet.root / "site"), tree(fleet.home), dict(fleet.repo.git.refs), left_over()
    code, report = fleet.reconcile("--dry-run")
    assert code == 0, report["errors"]
    assert report["dry_run"]
    assert writes(fleet.sim.requests) == []
    assert (tree(fleet.root / "site"), tree(fleet.home), dict(fleet.repo.git.refs), left_over()) == before
    planned = [s["slot"] for role in report["spawns"] for s in role["starts"] if s["result"] == "planned"]
    assert planned == ["build-0", "thinks-0"]
    assert [(each["number"], each["decision"], each["result"]) for each in report["merges"]] == [
        (ready.number, "merge", None)
    ]


def left_over():
    return {path for folder in ("/dev/shm", tempfile.gettempdir()) for path in Path(folder).glob("fleet-*")}


def test_a_dry_run_needs_no_place_to_write_and_only_a_token_that_reads(fleet):
    fleet.write_roster({"build": BUILD})
    fleet.issue()
    no_place = str(fleet.site_folder / "roster.yaml" / "below")
    code, report = fleet.reconcile("--dry-run", FLEET_HOME=no_place, **dict.fromkeys(TOKENS, "fake-token-cid"))
    assert code == 0, report["errors"]
    assert report["inventory"]["ledger_read"]
    assert why(report, "build")[0] == "work"
    assert writes(fleet.sim.requests) == []


def test_a_dry_run_after_real_passes_changes_no_file(fleet):
    fleet.write_roster({"idles": BUILD})
    fleet.issue()
    assert fleet.reconcile()[0] == 0
    fleet.settle()
    before, refs, asked = tree(fleet.home), dict(fleet.repo.git.refs), len(fleet.sim.requests)
    code, report = fleet.reconcile("--dry-run")
    assert (code, report["inventory"]["spent_today_usd"]) == (0, 0.5)
    assert tree(fleet.home) == before
    assert fleet.repo.git.refs == refs
    assert writes(fleet.sim.requests[asked:]) == []


def test_plain_lines_go_to_a_pipe_and_events_to_stderr(fleet):
    fleet.write_roster({"build": BUILD})
    done = fleet.run("reconcile", "--dry-run", "--log-format", "json")
    assert done.returncode == 0
    assert done.stdout.startswith("acme-web on acme/web: HEALTHY")
    assert "\x1b" not in done.stdout
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events] == ["role"]


def test_two_rosters_are_two_documents_and_the_worse_exit_code(fleet):
    good = fleet.write_roster({"build": BUILD})
    bad = good.with_name("bad.yaml")
    bad.write_text("fleet: other\nrepo: acme/web\nroles: {}\n")
    done = fleet.run("reconcile", "--json", "--dry-run", str(bad), str(good))
    assert done.returncode == 2
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["health"]["verdict"] for report in reports] == ["broken", "healthy"]
    assert len(done.stderr.splitlines()[0]) > 10


# many at once


def crowd(fleet, passes, counts):
    """So many passes at once over roles of these counts, `when: always`; the sum of what they say they started."""
    roles = {f"sleeps{n}": {"mode": "self_directed", "count": count} for n, count in enumerate(counts)}
    fleet.write_roster(roles, spawn={"when": "always", "max_sessions": "none"})
    with ThreadPoolExecutor(passes) as pool:
        reports = [report for _, report in pool.map(lambda _: fleet.reconcile(), range(passes))]
    slots = sorted(slot for report in reports for slot in started(report))
    assert slots == sorted(f"sleeps{n}-{k}" for n, count in enumerate(counts) for k in range(count))
    assert not [e for report in reports for e in report["errors"]]
    running = [s for s in fleet.spawner.sessions() if s.running]
    assert sorted(s.slot for s in running) == slots
    assert len(list(fleet.spawner.runs.iterdir())) == len(slots)


def test_four_passes_at_once_start_each_of_twelve_slots_once(fleet):
    crowd(fleet, 4, (5, 4, 2, 1))


@pytest.mark.soak
def test_sixteen_passes_at_once_start_each_of_thirty_eight_slots_once(fleet):
    crowd(fleet, 16, (8, 8, 6, 5, 4, 3, 2, 2))


def test_a_pass_that_is_killed_is_put_right_by_the_next(fleet):
    fleet.write_roster({"sleeps": {"mode": "self_directed", "count": 4}}, spawn={"when": "always"})
    given = {**fleet.env, "PYTHONUNBUFFERED": "1"}
    killed = subprocess.Popen(
        [sys.executable, "-m", "fleet", "reconcile"], cwd=fleet.site_folder, env=given, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: fleet.spawner.slots.is_dir() and any(fleet.spawner.slots.iterdir()), every=0.001)
    killed.kill()
    killed.wait()
    code, report = fleet.reconcile()
    assert code == 0
    running = sorted(s.slot for s in fleet.spawner.sessions() if s.running)
    assert running == [f"sleeps-{n}" for n in range(4)]
    assert set(started(report)) <= set(running)


# memory


def test_what_must_be_remembered_survives_the_loss_of_every_file(fleet):
    fleet.write_roster({"crash": BUILD, "thinks": "thinker", "idles": {**BUILD, "labels": ["api"]}})
    fleet.issue(labels=("ui",))
    fleet.issue(labels=("api",))
    code, report = fleet.reconcile()
    assert (code, started(report)) == (0, ["crash-0", "idles-0", "thinks-0"])
    fleet.settle()
    shutil.rmtree(fleet.home)
    code, report = fleet.reconcile()
    assert (code, started(report)) == (0, ["idles-0"]), report["spawns"]
    assert why(report, "crash")[0] == "back-off"
    assert "its last runs failed (crash)" in why(report, "crash")[1]
    assert why(report, "thinks")[0] == "rest"
    assert report["inventory"]["spent_today_usd"] == 0.6
    fleet.settle()
    _, report = fleet.reconcile("--dry-run")
    assert why(report, "idles")[0] == "rest"
    assert report["inventory"]["spent_today_usd"] == 1.1


def test_the_days_money_holds_after_the_loss_of_every_file(fleet):
    fleet.env |= {"ANTHROPIC_API_KEY": "fake-key-of-a-model"}
    roles = {"idles": BUILD, "claude": {**BUILD, "session": {"harness": "claude", "command": "true"}, "paused": True}}
    fleet.write_roster(roles, budget_per_day_usd=2.4)
    fleet.issue()
    assert started(fleet.reconcile()[1]) == ["idles-0"]
    fleet.settle()
    shutil.rmtree(fleet.home)
    roles["claude"]["paused"] = False
    fleet.write_roster(roles, budget_per_day_usd=2.4)
    _, report = fleet.reconcile("--dry-run")
    said = "$1.90 of $2.40 is left today, one session may cost $2.00"
    assert why(report, "claude") == ("budget", said)


# what is wrong outside, and what is done all the same


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = Fleet(tmp_path_factory.mktemp("pass"))
    yield made
    made.close()
    made.obeys()


@pytest.fixture
def ailing(shared):
    """A roster with one role that may start and one pull request that may be merged."""
    shared.write_roster({"idles": {"mode": "self_directed"}}, spawn={"when": "always", "max_sessions": "none"})
    shared.pull_ready = shared.ready()
    shared.env = {**shared.env, **TOKENS, "FLEET_HOME": str(shared.home)}
    yield shared
    end_sessions(shared.spawner)
    shutil.rmtree(shared.home, ignore_errors=True)
    for fault in shared.sim.wire.faults:
        fault.times = 0
    if shared.pull_ready.state == "open":
        shared.hub.close(shared.pull_ready, shared.ana)


def error_lines(report):
    for error in report["errors"]:
        assert "\n" not in error["message"]
        assert len(error["message"]) < 400
    return " | ".join(error["message"] for error in report["errors"])


def test_an_unreachable_github_starts_and_merges_nothing(ailing):
    code, report = ailing.reconcile(GITHUB_API_URL="http://127.0.0.1:9")
    assert code == 1
    assert "GitHub was not reached: " in error_lines(report)
    assert (started(report), merged(report)) == ([], [])
    assert report["inventory"]["running"] == 0


def test_a_wrong_token_is_for_a_person_to_mend(ailing):
    code, report = ailing.reconcile(FLEET_COORDINATOR="fake-token-of-nobody")
    assert code == 2
    assert "GitHub does not accept the token in FLEET_COORDINATOR" in error_lines(report)
    assert "fake-token" not in json.dumps(report)


def test_a_missing_token_names_its_variable(ailing):
    code, report = ailing.reconcile(FLEET_AUTHOR=None)
    assert code == 2
    assert why(report, "idles")[0] == "fault"
    assert "FLEET_AUTHOR not set" in error_lines(report)
    assert merged(report) == [ailing.pull_ready.number]


def test_without_the_coordinators_token_nothing_is_done(ailing):
    code, report = ailing.reconcile(FLEET_COORDINATOR=None)
    assert code == 2
    assert "FLEET_COORDINATOR is not set" in error_lines(report)
    assert (started(report), merged(report)) == ([], [])


def test_a_token_that_only_reads_cannot_merge_and_says_so(ailing):
    code, report = ailing.reconcile(FLEET_COORDINATOR="fake-token-cid")
    assert code == 2
    assert "the token in FLEET_COORDINATOR lacks a permission" in error_lines(report)
    assert started(report) == ["idles-0"]
    assert ailing.pull_ready.state == "open"


def test_a_rate_limit_waits_for_a_later_pass(ailing):
    ailing.sim.fault(path="/graphql", status=403, headers={"Retry-After": "60"}, times=99)
    asked = len(ailing.sim.requests)
    code, report = ailing.reconcile()
    assert code == 1
    assert "its rate limit is reached; a later pass goes on" in error_lines(report)
    assert (started(report), merged(report)) == ([], [])
    assert len([r for r in ailing.sim.requests[asked:] if r.path == "/graphql"]) <= 2


@pytest.mark.parametrize(
    ("key", "words"),
    [("fake-key-of-a-model", "is not on PATH"), (None, "ANTHROPIC_API_KEY not set")],
)
def test_what_claude_needs_is_named_and_the_other_roles_go_on(ailing, key, words):
    ailing.write_roster(
        {
            "idles": {"mode": "self_directed"},
            "claude": {"mode": "self_directed", "session": {"harness": "claude", "command": "no-such-claude"}},
        },
        spawn={"when": "always", "max_sessions": "none"},
    )
    code, report = ailing.reconcile(ANTHROPIC_API_KEY=key)
    assert code == 2
    assert why(report, "claude")[0] == "fault"
    assert words in error_lines(report)
    assert started(report) == ["idles-0"]
    assert merged(report) == [ailing.pull_ready.number]


def test_a_missing_brief_is_named_and_merging_goes_on(ailing):
    brief = "briefs/modes/self_directed.md"
    (ailing.site_folder / brief).unlink()
    code, report = ailing.reconcile()
    assert code == 2
    assert f"{brief} is missing or empty" in error_lines(report)
    assert started(report) == []
    assert merged(report) == [ailing.pull_ready.number]


def test_a_broken_roster_is_one_line_with_its_place(ailing):
    (ailing.site_folder / "roster.yaml").write_text("fleet: acme-web\nrepo: acme/web\nrols: {}\n")
    done = ailing.run("reconcile")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "roster.yaml:3:1" in done.stderr
    assert "roles" in done.stderr
    code, report = ailing.reconcile()
    assert (code, report["inventory"], report["health"]["verdict"]) == (2, None, "broken")


def test_no_roster_at_all_is_one_line(ailing):
    (ailing.site_folder / "roster.yaml").unlink()
    done = ailing.run("reconcile")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "fleet init" in done.stderr


def test_a_home_that_cannot_be_written_starts_nothing_and_merges_all_the_same(ailing):
    code, report = ailing.reconcile(FLEET_HOME=str(ailing.site_folder / "roster.yaml" / "below"))
    assert code == 2
    assert "set FLEET_HOME to a folder you can write" in error_lines(report)
    assert started(report) == []
    assert merged(report) == [ailing.pull_ready.number]


def test_a_server_without_git_gets_its_pull_requests_merged_and_nothing_starts(ailing):
    code, report = ailing.reconcile(GITHUB_SERVER_URL="http://127.0.0.1:9")
    assert code == 1
    assert not report["inventory"]["ledger_read"]
    assert why(report, "idles") == ("unread", "the ledger was not read")
    assert started(report) == []
    assert merged(report) == [ailing.pull_ready.number]


def test_an_answer_that_is_no_github_asks_for_the_address(ailing):
    ailing.sim.fault(path="/graphql", status=200, body="<html>sign in</html>", times=99)
    code, report = ailing.reconcile()
    assert code == 2
    assert "GITHUB_API_URL" in error_lines(report)
    assert (started(report), merged(report)) == ([], [])


def test_an_address_that_is_none_is_one_line(ailing):
    done = ailing.run("reconcile", GITHUB_API_URL="github")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "GITHUB_API_URL" in done.stderr
