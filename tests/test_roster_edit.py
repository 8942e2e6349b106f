"""roster.yaml is changed in place: nothing else moves by a byte, and all edits land or none."""

import stat

import pytest
import yaml

from fleet import roster_edit
from fleet.errors import RosterError
from fleet.roster import load, shipped

TEXT = """\
# The roster of Ümläut & Söhne 😀: these characters are one each, and several bytes.
fleet: acme-web      # a name
repo: 'acme/web'

roles:
    # builders
    ui_builder:    {title: UI  Builder, department: Eng, mode: task_driven, count:   3, labels: [ui]}   # three
    api_builder: {"title": "API", "department": "Eng", "mode": "task_driven", "count": 10}
    code_reviewer:
        title: Reviewer
        department: Gates   # at the gate
        mode: reviewer
        count: 0x4
    unit_tester: {title: T, department: Q, mode: self_directed,
                  count: 2}
spawn: {rest: 2h}
# the end, without a newline"""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "roster.yaml"
    file.write_bytes(TEXT.encode())
    return file


def counts(file):
    return {key: role.count for key, role in load(file).roles.items()}


@pytest.mark.parametrize(
    ("changes", "old", "new", "told"),
    [
        pytest.param(["ui_builder=6"], "count:   3,", "count:   6,", ["ui_builder: 3 -> 6"], id="a number"),
        pytest.param(["ui_builder=+2"], "count:   3,", "count:   5,", ["ui_builder: 3 -> 5"], id="more"),
        pytest.param(["api_builder=-1"], '"count": 10}', '"count": 9}', ["api_builder: 10 -> 9"], id="fewer"),
        pytest.param(["ui=12"], "count:   3,", "count:   12,", ["ui_builder: 3 -> 12"], id="a word of its key"),
        pytest.param(["reviewer=6"], "count: 0x4", "count: 6", ["code_reviewer: 4 -> 6"], id="in block style"),
        pytest.param(["tester=0"], "count: 2}", "count: 0}", ["unit_tester: 2 -> 0"], id="on its second line"),
        pytest.param(["ui_builder=3"], "", "", ["ui_builder: stays 3"], id="the same number"),
    ],
)
def test_scale_changes_one_number_and_no_other_byte(file, changes, old, new, told):
    assert roster_edit.scale(file, changes) == told
    assert file.read_bytes() == TEXT.replace(old, new).encode()


def test_several_counts_change_at_once(file):
    assert roster_edit.scale(file, ["reviewer=12", "ui=+7", "api=1"]) == [
        "code_reviewer: 4 -> 12",
        "ui_builder: 3 -> 10",
        "api_builder: 10 -> 1",
    ]
    assert counts(file) == {"ui_builder": 10, "api_builder": 1, "code_reviewer": 12, "unit_tester": 2}


def test_plain_numbers_are_safe_to_repeat(file):
    roster_edit.scale(file, ["ui=6"])
    once = file.read_bytes()
    assert roster_edit.scale(file, ["ui=6"]) == ["ui_builder: stays 6"]
    assert file.read_bytes() == once


def test_windows_line_ends_stay(file):
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    roster_edit.scale(file, ["ui=6", "reviewer=5"])
    expected = TEXT.replace("count:   3,", "count:   6,").replace("count: 0x4", "count: 5")
    assert file.read_bytes() == expected.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(["ui"], '"ui" is not role=N, role=+N or role=-N', id="no number"),
        pytest.param(["ui=many"], '"ui=many" is not role=N, role=+N or role=-N', id="a word"),
        pytest.param(["ui=1.5"], '"ui=1.5" is not role=N, role=+N or role=-N', id="a half"),
        pytest.param(["ui=-4"], "ui_builder=-1: a count is from 0 to 200", id="below none"),
        pytest.param(["ui=201"], "ui_builder=201: a count is from 0 to 200", id="too many"),
        pytest.param(["ui=1", "ui_builder=2"], "ui_builder is named twice", id="twice"),
        pytest.param(
            ["builder=1"], '"builder" fits several roles: ui_builder, api_builder; name one of them', id="several fit"
        ),
        pytest.param(
            ["cook=1"],
            'no role is called "cook"; there are ui_builder, api_builder, code_reviewer, unit_tester',
            id="none fits",
        ),
        pytest.param(
            ["build=1"],
            'no role is called "build"; there are ui_builder, api_builder, code_reviewer, unit_tester',
            id="half a word",
        ),
        pytest.param(["reviewer=5", "ui=201"], "ui_builder=201: a count is from 0 to 200", id="one good, one bad"),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(file, changes, message):
    with pytest.raises(RosterError) as caught:
        roster_edit.scale(file, changes)
    assert (str(caught.value), file.read_bytes()) == (message, TEXT.encode())


ANCHOR = "fleet: a\nrepo: b/c\nroles:\n  x_a: {anchor}{{title: A, department: B, mode: reviewer, count: {count}}}\n"
SHARED = ANCHOR.format(anchor="", count="&n 1") + "  x_b: {title: A, department: B, mode: reviewer, count: *n}\n"
INHERITED = ANCHOR.format(anchor="&a ", count=1) + "  x_b: {<<: *a, title: B}\n"


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (SHARED, "x_a=2", "a count is shared through a YAML anchor; edit it by hand"),
        (SHARED, "x_b=2", "a count is shared through a YAML anchor; edit it by hand"),
        (INHERITED, "x_a=2", "a count is shared through a YAML anchor; edit it by hand"),
        (INHERITED, "x_b=2", "the count of x_b comes from a YAML anchor; edit it by hand"),
    ],
)
def test_a_count_that_is_shared_is_left_to_a_person(file, text, change, message):
    file.write_text(text)
    with pytest.raises(RosterError) as caught:
        roster_edit.scale(file, [change])
    assert (str(caught.value), file.read_text()) == (f"{file}: {message}", text)


def test_a_roster_that_is_wrong_is_not_edited(file):
    file.write_text("fleet: Acme\n")
    with pytest.raises(RosterError, match='the key "repo" is missing'):
        roster_edit.scale(file, ["ui=1"])


def test_a_roster_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(RosterError, match="no such file"):
        roster_edit.scale(tmp_path / "roster.yaml", ["ui=1"])
    assert list(tmp_path.iterdir()) == []


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(file, tmp_path):
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    roster_edit.scale(link, ["ui=6"])
    assert link.is_symlink()
    assert (stat.S_IMODE(file.stat().st_mode), counts(file)["ui_builder"]) == (0o640, 6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.yaml", "roster.yaml"]


NEW = {"title": "Game Tester: plays", "department": "Quality", "mode": "self_directed", "count": 2}
LINE = "    game_tester: {title: 'Game Tester: plays', department: Quality, mode: self_directed, count: 2}\n"


def test_a_role_is_added_after_the_last_one_with_its_brief(file):
    brief = file.parent / "briefs" / "game_tester.md"
    told = roster_edit.add(file, "game_tester", NEW, "  Plays the game. ")
    assert told == ["game_tester: added with count 2", f"{brief}: written"]
    assert file.read_text() == TEXT.replace("spawn:", LINE + "spawn:")
    assert brief.read_text() == "Plays the game.\n"
    assert load(file).roles["game_tester"].title == "Game Tester: plays"


def test_a_role_is_added_at_the_end_of_a_file_without_a_last_newline(file):
    file.write_text(
        "fleet: a\nrepo: b/c\nroles:\n  a:\n    title: A\n    department: B\n    mode: reviewer\n    count: 1"
    )
    before = file.read_text()
    roster_edit.add(file, "game_tester", NEW, "Plays.")
    assert file.read_text() == before + "\n" + LINE.replace("    game", "  game")


def test_a_brief_that_is_there_is_kept(file):
    brief = file.parent / "briefs" / "game_tester.md"
    brief.parent.mkdir()
    brief.write_text("Mine.\n")
    assert roster_edit.add(file, "game_tester", NEW, "Plays.")[1] == f"{brief}: was there, kept"
    assert brief.read_text() == "Mine.\n"


@pytest.mark.parametrize(
    ("key", "fields", "message"),
    [
        pytest.param("Game", {}, 'role key "Game" must be lower-case letters, digits and _, at most 40', id="key"),
        pytest.param(
            "ui_builder",
            {},
            "{file}: ui_builder is in the roster already; use `fleet roster scale ui_builder=N`",
            id="there already",
        ),
        pytest.param("new_one", {"count": 201}, "{file}:16:", id="a count too large"),
        pytest.param("new_one", {"mode": "player"}, "{file}:16:", id="a mode that is none"),
    ],
)
def test_a_role_that_makes_no_sense_is_not_added(file, key, fields, message):
    with pytest.raises(RosterError) as caught:
        roster_edit.add(file, key, {**NEW, **fields}, "Plays.")
    assert str(caught.value).startswith(message.format(file=file))
    assert file.read_bytes() == TEXT.encode()
    assert not (file.parent / "briefs").exists()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        pytest.param("ui", (6, 7), id="a flow mapping with its comment"),
        pytest.param("code_reviewer", (8, 13), id="a block mapping"),
        pytest.param("tester", (13, 15), id="a flow mapping of two lines, the last role"),
    ],
)
def test_a_role_is_cut_out_and_nothing_else(file, name, lines):
    (told,) = roster_edit.remove(file, name)
    kept = TEXT.splitlines(keepends=True)
    del kept[lines[0] : lines[1]]
    assert file.read_text() == "".join(kept)
    assert told.endswith("stays; running sessions finish)")


def test_what_was_added_is_removed_without_a_trace(file):
    roster_edit.add(file, "game_tester", NEW, "Plays.")
    roster_edit.remove(file, "game")
    assert file.read_bytes() == TEXT.encode()


def test_the_only_role_is_not_removed(file):
    one = "fleet: a\nrepo: b/c\nroles:\n  a: {title: A, department: B, mode: reviewer, count: 1}\n"
    file.write_text(one)
    with pytest.raises(RosterError, match="a is the only role; set its count to 0 instead"):
        roster_edit.remove(file, "a")
    assert file.read_text() == one


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_roles_on_one_line_are_left_to_a_person(file, verb):
    role = "{title: A, department: B, mode: reviewer, count: 1}"
    file.write_text(f"fleet: a\nrepo: b/c\nroles: {{a: {role}, b: {role}}}\n")
    edit = {"add": lambda: roster_edit.add(file, "c", NEW, "x"), "remove": lambda: roster_edit.remove(file, "a")}[verb]
    with pytest.raises(RosterError, match="put each role on a line of its own first"):
        edit()


def test_scale_works_on_roles_on_one_line(file):
    role = "{title: A, department: B, mode: reviewer, count: 1}"
    file.write_text(f"fleet: a\nrepo: b/c\nroles: {{a: {role}, b: {role}}}\n")
    roster_edit.scale(file, ["b=2", "a=30"])
    assert counts(file) == {"a": 30, "b": 2}


def test_every_count_of_the_shipped_roster_can_be_scaled(tmp_path):
    file = tmp_path / "roster.yaml"
    text = (shipped() / "roster.yaml").read_text()
    file.write_text(text)
    wanted = {key: n + 100 for n, key in enumerate(yaml.safe_load(text)["roles"])}
    roster_edit.scale(file, [f"{key}={n}" for key, n in wanted.items()])
    assert counts(file) == wanted
    changed = [
        n
        for n, pair in enumerate(zip(text.splitlines(), file.read_text().splitlines(), strict=True))
        if pair[0] != pair[1]
    ]
    assert len(changed) == len(wanted)
