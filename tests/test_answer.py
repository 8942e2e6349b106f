"""What an agent may answer: one shape a mode; whatever does not fit is refused, never half believed."""

import pytest

from fleet.session.answer import (
    BadAnswerError,
    BuilderAnswer,
    LineComment,
    ReviewerAnswer,
    ThinkerAnswer,
    Ticket,
    read,
    schema,
)

TICKET = {
    "title": "The clock stands",
    "type": "bug",
    "priority": "high",
    "label": "ui",
    "problem": "The clock on the first page stands still.",
    "acceptance_criteria": ["It goes"],
}
PULL = {"title": "Mend the clock", "body": "It stood."}
APPROVAL = {"verdict": "approve"}
COMMENT = {"path": "a.py", "line": 3, "body": "why?"}


@pytest.mark.parametrize(
    ("mode", "raw", "expected"),
    [
        pytest.param("thinker", {"issues": [TICKET]}, ThinkerAnswer(issues=[Ticket(**TICKET)]), id="a ticket"),
        pytest.param("thinker", {"issues": [TICKET] * 3}, ThinkerAnswer(issues=[Ticket(**TICKET)] * 3), id="three"),
        pytest.param("thinker", {"nothing": " all is well "}, ThinkerAnswer(nothing="all is well"), id="no ticket"),
        pytest.param("task_driven", PULL, BuilderAnswer(**PULL), id="a change"),
        pytest.param("self_directed", {**PULL, "closes": [12]}, BuilderAnswer(**PULL, closes=[12]), id="it closes one"),
        pytest.param("task_driven", {"nothing": "done"}, BuilderAnswer(nothing="done"), id="no change"),
        pytest.param("task_driven", {**PULL, "nothing": None}, BuilderAnswer(**PULL), id="nothing: null"),
        pytest.param("reviewer", APPROVAL, ReviewerAnswer(verdict="approve"), id="approved without a word"),
        pytest.param(
            "reviewer",
            {"verdict": "request_changes", "summary": "a test", "comments": [COMMENT]},
            ReviewerAnswer(verdict="request_changes", summary="a test", comments=[LineComment(**COMMENT)]),
            id="changes requested",
        ),
        pytest.param("reviewer", {"nothing": "it is gone"}, ReviewerAnswer(nothing="it is gone"), id="no review"),
    ],
)
def test_a_good_answer_is_read(mode, raw, expected):
    assert read(mode, raw) == expected


EITHER = "Value error, either issues, or nothing with the reason"
BUILT = "Value error, either a title and a body, or nothing with the reason"


@pytest.mark.parametrize(
    ("mode", "raw", "why"),
    [
        pytest.param("thinker", {}, EITHER, id="thinker: neither"),
        pytest.param("thinker", {"issues": [TICKET], "nothing": "x"}, EITHER, id="thinker: both"),
        pytest.param("thinker", {"issues": [], "nothing": " "}, EITHER, id="thinker: a blank reason"),
        pytest.param(
            "thinker",
            {"issues": [TICKET] * 4},
            "issues: List should have at most 3 items after validation, not 4",
            id="thinker: four",
        ),
        pytest.param(
            "thinker",
            {"issues": [{**TICKET, "title": "  Bug  "}]},
            "issues.0.title: String should have at least 5 characters",
            id="thinker: a title of three letters",
        ),
        pytest.param(
            "thinker",
            {"issues": [{**TICKET, "type": "idea"}]},
            "issues.0.type: Input should be 'bug', 'feature' or 'chore'",
            id="thinker: another type",
        ),
        pytest.param(
            "thinker",
            {"issues": [{**TICKET, "acceptance_criteria": []}]},
            "issues.0.acceptance_criteria: List should have at least 1 item after validation, not 0",
            id="thinker: no criteria",
        ),
        pytest.param(
            "thinker",
            {"issues": [{**TICKET, "assignee": "ana"}]},
            "issues.0.assignee: Extra inputs are not permitted",
            id="thinker: a field nobody asked for",
        ),
        pytest.param(
            "thinker", {"issues": [{"title": "The clock"}]}, "issues.0.type: Field required", id="half a ticket"
        ),
        pytest.param("task_driven", {}, BUILT, id="builder: neither"),
        pytest.param("task_driven", {**PULL, "nothing": "x"}, BUILT, id="builder: both"),
        pytest.param("task_driven", {"title": "  "}, BUILT, id="builder: a blank title"),
        pytest.param(
            "task_driven",
            {"title": "x" * 121},
            "title: String should have at most 120 characters",
            id="builder: a long title",
        ),
        pytest.param(
            "task_driven",
            {**PULL, "body": "x" * 20_001},
            "body: String should have at most 20000 characters",
            id="builder: a long text",
        ),
        pytest.param("task_driven", {**PULL, "branch": "x"}, "branch: Extra inputs are not permitted", id="a branch"),
        pytest.param(
            "task_driven",
            {**PULL, "closes": ["twelve"]},
            "closes.0: Input should be a valid integer, unable to parse string as an integer",
            id="builder: an issue in words",
        ),
        pytest.param("reviewer", {}, "Value error, a verdict, or nothing with the reason", id="reviewer: neither"),
        pytest.param(
            "reviewer", {"verdict": "merge"}, "verdict: Input should be 'approve' or 'request_changes'", id="merge"
        ),
        pytest.param(
            "reviewer",
            {"verdict": "request_changes", "summary": " "},
            "Value error, a request for changes says what would make it approvable",
            id="reviewer: changes without a word",
        ),
        pytest.param(
            "reviewer",
            {**APPROVAL, "comments": [{**COMMENT, "line": 0}]},
            "comments.0.line: Input should be greater than or equal to 1",
            id="reviewer: line 0",
        ),
        pytest.param(
            "reviewer",
            {**APPROVAL, "comments": [COMMENT] * 31},
            "comments: List should have at most 30 items after validation, not 31",
            id="reviewer: 31 comments",
        ),
        pytest.param(
            "reviewer",
            {**APPROVAL, "comments": [{**COMMENT, "body": " "}]},
            "comments.0.body: String should have at least 1 character",
            id="reviewer: an empty comment",
        ),
    ],
)
def test_a_bad_answer_is_refused_with_the_first_thing_wrong(mode, raw, why):
    with pytest.raises(BadAnswerError) as caught:
        read(mode, raw)
    assert str(caught.value) == why


@pytest.mark.parametrize("mode", ["thinker", "task_driven", "self_directed", "reviewer"])
@pytest.mark.parametrize("raw", [None, [], "text", 3, {"title": "lone \ud800 surrogate", "body": "x"}])
def test_no_answer_of_another_kind_is_believed(mode, raw):
    with pytest.raises(BadAnswerError):
        read(mode, raw)


@pytest.mark.parametrize("mode", ["thinker", "task_driven", "self_directed", "reviewer"])
def test_the_schema_an_agent_is_held_to_is_as_strict(mode):
    told = schema(mode)
    objects = [told, *told.get("$defs", {}).values()]
    assert all(one["additionalProperties"] is False for one in objects)
    assert "nothing" in told["properties"]
