"""Real git against the simulated GitHub: clone, fetch, push, and many at once."""

from concurrent.futures import ThreadPoolExecutor

from wire import Wire

pytest_plugins = ["simhub"]


def test_a_day_of_work(hub, tmp_path):
    copy = hub.bob.clone(tmp_path / "copy")
    hub.bob.git(copy, "switch", "-q", "-c", "work")
    (copy / "new.txt").write_text("new\n")
    hub.bob.git(copy, "add", ".")
    hub.bob.git(copy, "commit", "-q", "-m", "Add new")
    assert hub.bob.git(copy, "push", "-q", "origin", "work").returncode == 0
    wanted = {"title": "Add new", "head": "work", "base": "main"}
    number = hub.bob.send("POST", "pulls", wanted).body["number"]
    pull = hub.repo.pulls[number]
    hub.bob.git(copy, "commit", "-q", "--allow-empty", "-m", "Again")
    hub.bob.git(copy, "push", "-q", "origin", "work")
    head = hub.bob.git(copy, "rev-parse", "HEAD").stdout.strip()
    assert pull.head_sha == head
    assert hub.bob.git(copy, "fetch", "-q", "origin", f"refs/pull/{number}/head").returncode == 0
    assert hub.bob.git(copy, "rev-parse", "FETCH_HEAD").stdout.strip() == head
    assert hub.merge(pull).status == 200
    hub.bob.git(copy, "fetch", "-q", "origin")
    assert hub.bob.git(copy, "show", "origin/main:new.txt").stdout == "new\n"
    assert hub.bob.git(copy, "push", "-q", "origin", ":work").returncode == 0
    assert "refs/heads/work" not in hub.repo.git.refs


def test_deleting_the_branch_closes_the_pull_request(hub, tmp_path):
    pull = hub.pull()
    copy = hub.bob.clone(tmp_path / "copy")
    assert hub.bob.git(copy, "push", "-q", "origin", ":work").returncode == 0
    assert (pull.state, pull.merged_at) == ("closed", None)


def test_who_may_push(hub, tmp_path):
    copy = hub.cid.clone(tmp_path / "copy")
    refused = hub.cid.git(copy, "push", "origin", "HEAD:refs/heads/x")
    assert refused.returncode != 0
    assert "403" in refused.stderr
    assert Wire(hub.sim.url, "wrong").git(copy, "fetch", "origin").returncode != 0
    assert Wire(hub.sim.url, "wrong").git(copy, "push", "origin", "HEAD:refs/heads/x").returncode != 0
    assert "refs/heads/x" not in hub.repo.git.refs


def test_protected_branches_and_hidden_refs_take_no_push(hub, tmp_path):
    hub.world.protect(hub.repo, "main", reviews=1)
    copy = hub.bob.clone(tmp_path / "copy")
    hub.bob.git(copy, "commit", "-q", "--allow-empty", "-m", "Direct")
    assert "GH006" in hub.bob.git(copy, "push", "origin", "HEAD:main").stderr
    assert "hidden ref" in hub.bob.git(copy, "push", "origin", "HEAD:refs/pull/9/head").stderr
    assert hub.ana.git(copy, "push", "origin", "HEAD:main").returncode == 0


def test_large_and_shallow(hub, tmp_path):
    copy = hub.bob.clone(tmp_path / "copy")
    (copy / "big.bin").write_bytes(bytes(i * i % 251 for i in range(1 << 16)) * 48)  # sent in chunks
    hub.bob.git(copy, "config", "core.compression", "0")
    hub.bob.git(copy, "add", ".")
    hub.bob.git(copy, "commit", "-q", "-m", "Big")
    assert (
        hub.bob.git(copy, "-c", "http.postBuffer=65536", "push", "-q", "origin", "HEAD:refs/heads/big").returncode == 0
    )
    url = f"{hub.sim.url}/acme/web.git"
    assert hub.bob.git(tmp_path, "clone", "-q", "--depth=1", url, "shallow").returncode == 0
    assert hub.bob.git(tmp_path, "-c", "protocol.version=0", "clone", "-q", url, "old").returncode == 0


def test_forty_racers_have_one_winner(hub, tmp_path):
    copy = hub.bob.clone(tmp_path / "copy")
    tree = hub.bob.git(copy, "rev-parse", "HEAD^{tree}").stdout.strip()
    claim = "refs/fleet/claim/x"
    commits = [hub.bob.git(copy, "commit-tree", tree, "-m", f"claim {n}").stdout.strip() for n in range(40)]

    def race(sha):
        return hub.bob.git(copy, "push", "-q", "--atomic", f"--force-with-lease={claim}:", "origin", f"{sha}:{claim}")

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(race, commits))
    winners = [sha for sha, result in zip(commits, done, strict=True) if result.returncode == 0]
    assert winners == [hub.repo.git.refs[claim]]
    assert {result.returncode for result in done} == {0, 1}


def test_an_atomic_push_with_a_lost_claim_moves_nothing(hub, tmp_path):
    copy = hub.bob.clone(tmp_path / "copy")
    claim, first = "refs/fleet/claim/x", hub.world.head(hub.repo, "main")
    hub.bob.git(copy, "push", "-q", f"--force-with-lease={claim}:", "origin", f"HEAD:{claim}")
    hub.bob.git(copy, "commit", "-q", "--allow-empty", "-m", "Next")

    def publish(expected):
        lease = f"--force-with-lease={claim}:{expected}"
        return hub.bob.git(copy, "push", "--atomic", lease, "origin", f"HEAD:{claim}", "HEAD:refs/heads/work")

    assert publish("1" * 40).returncode == 1
    assert "refs/heads/work" not in hub.repo.git.refs
    assert publish(first).returncode == 0
    assert hub.repo.git.refs[claim] == hub.repo.git.refs["refs/heads/work"]
    listed = hub.bob.git(copy, "ls-remote", "origin", "refs/fleet/*").stdout
    assert listed.split() == [hub.repo.git.refs[claim], claim]
