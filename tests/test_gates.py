"""What may leave a session, and what is told when it may not."""

import pytest

from fleet.session.gates import MOST_FILES, MOST_LINES, Work, refusal


def work(**facts):
    ready = {
        "title": "Mend the clock",
        "body": "It stood.",
        "closes": (),
        "changes": (("src/clock.py", 3),),
        "issue": 12,
    }
    return Work(**{**ready, **facts})


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(work(), id="a small change"),
        pytest.param(work(closes=(12,), body="Fixes #12"), id="it closes the issue it was given"),
        pytest.param(work(body="See #13, and acme/app#14."), id="it only names other issues"),
        pytest.param(work(body="The prefixes #13 and #14 matter"), id="a word that only ends in fixes"),
        pytest.param(work(changes=(("logo.png", -1),)), id="a binary file"),
        pytest.param(work(changes=(("ümläut/😀.py", 1),)), id="a name in other letters"),
        pytest.param(work(changes=tuple((f"f{n}", 1) for n in range(MOST_FILES))), id="just so many files"),
        pytest.param(work(changes=(("a", MOST_LINES - 1), ("b", 1))), id="just so many lines"),
        pytest.param(work(changes=(("a", MOST_LINES), ("logo.png", -1))), id="a binary file counts no lines"),
        pytest.param(work(changes=((".github/workflows/ci.yml", 1),), may_change=(".github/**",)), id="may change it"),
        pytest.param(work(changes=(("my clock.py", 1), ("~ \ue000", 1))), id="a name with a blank"),
        pytest.param(work(title="Mend the clock\n"), id="a line's end at the end"),
    ],
)
def test_it_may_leave(one):
    assert refusal(one) is None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        pytest.param(work(changes=()), "nothing was changed although the answer has a title", id="nothing changed"),
        pytest.param(work(title="a\nb"), "the title has more than one line", id="two lines of title"),
        pytest.param(
            work(changes=tuple((f"f{n}", 1) for n in range(MOST_FILES + 1))),
            "61 files are changed, at most 60 fit into one review",
            id="too many files",
        ),
        pytest.param(
            work(changes=(("a", MOST_LINES), ("b", 1))),
            "1501 lines are changed, at most 1500 fit into one review",
            id="too many lines",
        ),
        pytest.param(
            work(changes=(("src/a.py", 1), (".github/workflows/ci.yml", 1))),
            ".github/workflows/ci.yml is protected; this role may not change it",
            id="protected",
        ),
        pytest.param(
            work(changes=((".github/x", 1), ("roster.yaml", 1)), may_change=(".github/**",)),
            "roster.yaml is protected; this role may not change it",
            id="protected, another one",
        ),
        pytest.param(
            work(changes=(("a\nb", 1),)), "'a\\nb' is not a file name that people can read", id="a line end in a name"
        ),
        pytest.param(
            work(changes=(("a\udc80b", 1),)),
            "'a\\udc80b' is not a file name that people can read",
            id="bytes in a name",
        ),
        pytest.param(
            work(changes=(("a\udcff", 1),)), "'a\\udcff' is not a file name that people can read", id="the last byte"
        ),
        pytest.param(
            work(changes=(("a\x1f", 1),)), "'a\\x1f' is not a file name that people can read", id="a control character"
        ),
        pytest.param(
            work(changes=(("a\udc80😀", 1),)),
            "'a\\udc80😀' is not a file name that people can read",
            id="bytes beside later letters",
        ),
        pytest.param(work(title="Mend [skip ci]"), "[skip ci] would switch CI off", id="skip ci in the title"),
        pytest.param(work(body="x\n[CI SKIP]"), "[ci skip] would switch CI off", id="skip ci in the text"),
        *[
            pytest.param(work(**{where: text}), "it would close #13, which this session was not given", id=text)
            for where, text in (
                ("body", "Fixes #13"),
                ("body", "It fixes: #13"),
                ("title", "Closed #13"),
                ("body", "RESOLVES #13."),
                ("body", "fix acme/app#13"),
                ("body", "Fixes #12, closes #13"),
                ("body", "close GH-13"),
                ("body", "Fixes https://github.com/acme/web/issues/13"),
            )
        ],
        pytest.param(
            work(closes=(12, 13)), "it would close #13, which this session was not given", id="named in the answer"
        ),
        pytest.param(
            work(issue=0, body="Fixes #12"), "it would close #12, which this session was not given", id="given none"
        ),
        pytest.param(work(body="<!-- fleet:1 {} -->"), "it carries a marker of fleet's own", id="a forged marker"),
        pytest.param(work(title="<!-- fleet:9 -->"), "it carries a marker of fleet's own", id="one in the title"),
    ],
)
def test_it_may_not_leave(one, why):
    assert refusal(one) == why


def test_the_first_thing_wrong_is_told():
    assert refusal(work(changes=(), title="a\nb", body="[skip ci]")).startswith("nothing was changed")
