"""What an agent may answer, one shape a mode. Whatever does not fit is a bad answer, never half of a good one."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fleet.errors import FleetError

Title = Annotated[str, Field(max_length=120)]
Text = Annotated[str, Field(max_length=20_000)]


class BadAnswerError(FleetError):
    """The agent's answer does not fit its mode."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)

    nothing: Annotated[str, Field(max_length=2_000)] | None = None
    """Why there is nothing to do; null otherwise."""


class Ticket(BaseModel):
    """One issue, small enough for one pull request."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)

    title: Annotated[Title, Field(min_length=5)]
    type: Literal["bug", "feature", "chore"]
    priority: Literal["low", "medium", "high"]
    label: str
    """One of the labels in the prompt: it decides which role builds it."""
    problem: Annotated[Text, Field(min_length=20)]
    files: list[str] = []
    error_logs: Text = ""
    acceptance_criteria: Annotated[list[str], Field(min_length=1)]


class ThinkerAnswer(_Answer):
    """Issues, at most three, or why none."""

    issues: Annotated[list[Ticket], Field(max_length=3)] = []

    @model_validator(mode="after")
    def _one_of_both(self) -> "ThinkerAnswer":
        if bool(self.issues) == bool(self.nothing):
            raise ValueError("either issues, or nothing with the reason")
        return self


class BuilderAnswer(_Answer):
    """One pull request, or why none. The changes are in the clone."""

    title: Title = ""
    body: Text = ""
    closes: list[int] = []
    """Only the issue that was given."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "BuilderAnswer":
        if bool(self.title) == bool(self.nothing):
            raise ValueError("either a title and a body, or nothing with the reason")
        return self


class LineComment(BaseModel):
    """A remark on one line of the diff, counted in the new file."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    path: str
    line: Annotated[int, Field(ge=1)]
    body: Annotated[Text, Field(min_length=1)]


class ReviewerAnswer(_Answer):
    """A verdict on the pull request."""

    verdict: Literal["approve", "request_changes"] | None = None
    summary: Text = ""
    comments: Annotated[list[LineComment], Field(max_length=30)] = []

    @model_validator(mode="after")
    def _one_of_both(self) -> "ReviewerAnswer":
        if not self.verdict and not self.nothing:
            raise ValueError("a verdict, or nothing with the reason")
        if self.verdict == "request_changes" and not self.summary:
            raise ValueError("a request for changes says what would make it approvable")
        return self


Answer = ThinkerAnswer | BuilderAnswer | ReviewerAnswer
SHAPES: dict[str, type[ThinkerAnswer | BuilderAnswer | ReviewerAnswer]] = {
    "thinker": ThinkerAnswer,
    "task_driven": BuilderAnswer,
    "self_directed": BuilderAnswer,
    "reviewer": ReviewerAnswer,
}


def schema(mode: str) -> dict[str, Any]:
    """The JSON schema of a mode's answer, for an agent that can be held to one."""
    return SHAPES[mode].model_json_schema()


def read(mode: str, raw: object) -> Answer:
    """Check an answer. Raises BadAnswerError with the first thing that is wrong."""
    try:
        return SHAPES[mode].model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadAnswerError(f"{where + ': ' if where else ''}{first['msg']}") from error
