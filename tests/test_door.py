"""The door to GitHub's API against everything GitHub is known to answer: how often it asks, and what it says."""

import re
import time
import traceback
from datetime import UTC, datetime

import pytest
import requests
import responses

from fleet.errors import GitHubError, RateLimitedError
from fleet.github.door import PAUSES, TRIES, Door

API = "https://api.github.com"
TOKEN = "fake-token-5c1d"
PULLS = "/repos/acme/web/pulls"
QUERY = "query { viewer { login } }"
RESET = int(datetime(2031, 1, 1, 15, 30, tzinfo=UTC).timestamp())


class Naps(list):
    """Sleeps that take no time and are remembered."""

    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def naps():
    return Naps()


@pytest.fixture
def door(naps):
    return Door(API, TOKEN, name="FLEET_TOKEN", sleep=naps)


@pytest.fixture
def wire():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def at(path):
    """PyGithub names the port."""
    return re.compile(rf"^{re.escape(API)}(:443)?{re.escape(path)}(\?|$)")


def answer(wire, **reply):
    """Whatever is asked gets this answer."""
    for method in ("GET", "POST", "PUT"):
        for path in (PULLS, f"{PULLS}/3/merge", "/graphql"):
            wire.add(responses.Response(method, at(path), **reply))


def read(door):
    return door.read(PULLS, {"state": "open"})


def write(door):
    return door.write("PUT", f"{PULLS}/3/merge", {"sha": "1" * 40})


def query(door):
    return door.query(QUERY, {})


WAYS = pytest.mark.parametrize("ask", [read, write, query])


def refusal(door, ask):
    """The error of an asking, which never shows the token, also not in what a traceback would print."""
    with pytest.raises(GitHubError) as caught:
        ask(door)
    error = caught.value
    assert "\n" not in str(error)
    assert len(str(error)) <= 400
    assert TOKEN not in "".join(traceback.format_exception(error))
    return error


LIMITED = [
    pytest.param(403, {"Retry-After": "60"}, {"message": "You have exceeded a secondary rate limit"}, id="secondary"),
    pytest.param(429, {"Retry-After": "60"}, {"message": "slow down"}, id="429"),
    pytest.param(
        403,
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(RESET)},
        {"message": "API rate limit exceeded for user ID 1."},
        id="primary",
    ),
    pytest.param(429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(RESET)}, {"message": "no"}, id="429-0"),
    pytest.param(403, {}, {"message": "You have exceeded a secondary rate limit. Please wait"}, id="no-headers"),
]


@WAYS
@pytest.mark.parametrize(("status", "headers", "body"), LIMITED)
def test_a_rate_limit_is_told_and_never_tried_again(wire, door, naps, ask, status, headers, body):
    answer(wire, status=status, headers=headers, json=body)
    error = refusal(door, ask)
    assert isinstance(error, RateLimitedError)
    assert "rate limit" in str(error)
    assert not error.person
    assert (len(wire.calls), naps) == (1, [])
    if "x-ratelimit-reset" in headers:
        assert error.until == datetime.fromtimestamp(RESET, UTC)
        assert "until 15:30 UTC" in str(error)
    elif headers:
        assert 50 < (error.until - datetime.now(UTC)).total_seconds() <= 60
    else:
        assert error.until is None


REFUSED = [
    pytest.param(401, {"message": "Bad credentials"}, True, "does not accept the token in FLEET_TOKEN", id="401"),
    pytest.param(
        403, {"message": "Resource not accessible by personal access token"}, True,
        "the token in FLEET_TOKEN lacks a permission (403 Resource not accessible", id="403",
    ),
    pytest.param(404, {"message": "Not Found"}, True, "not visible to the token in FLEET_TOKEN", id="404"),
    pytest.param(405, {"message": "Base branch was modified"}, False, "405: Base branch was modified", id="405"),
    pytest.param(409, {"message": "Head branch was modified"}, False, "409: Head branch was modified", id="409"),
    pytest.param(
        422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}, "and a text"]},
        False, "422: Validation Failed: A pull request already exists; and a text", id="422",
    ),
    pytest.param(422, {"message": "No", "errors": "a text, no list"}, False, "422: No", id="422-text"),
    pytest.param(451, {"message": "Repository access blocked"}, False, "451: Repository access blocked", id="451"),
]  # fmt: skip


@WAYS
@pytest.mark.parametrize(("status", "body", "person", "words"), REFUSED)
def test_a_refusal_is_named_and_never_tried_again(wire, door, naps, ask, status, body, person, words):
    answer(wire, status=status, json=body)
    error = refusal(door, ask)
    assert words in str(error)
    assert (error.status, error.person) == (status, person)
    assert (len(wire.calls), naps) == (1, [])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ['{"message": "Server Error"}', "<html><h1>Unicorn!</h1></html>", ""])
def test_a_failure_for_ever_is_read_three_times_and_written_once(wire, door, naps, status, body):
    answer(wire, status=status, body=body)
    error = refusal(door, read)
    assert (error.status, error.person, len(wire.calls), naps) == (status, False, TRIES, list(PAUSES))
    assert refusal(door, write).status == status
    assert len(wire.calls) == TRIES + 1
    assert refusal(door, query).status == status
    assert len(wire.calls) == 2 * TRIES + 1
    assert door.requests == 2 * TRIES + 1


@WAYS
@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (requests.ConnectionError("refused"), "was not reached: refused"),
        (requests.ConnectTimeout("slow"), "did not answer in time"),
        (requests.ReadTimeout("slow"), "did not answer in time"),
        (requests.exceptions.ChunkedEncodingError("cut"), "was not reached: cut"),
        (requests.exceptions.SSLError("certificate"), "was not reached: certificate"),
    ],
)
def test_who_is_not_reached_is_asked_as_often_as_who_fails(wire, door, naps, ask, problem, words):
    answer(wire, body=problem)
    error = refusal(door, ask)
    assert words in str(error)
    assert (error.status, error.person) == (None, False)
    assert len(wire.calls) == (1 if ask is write else TRIES)


def test_a_port_where_nobody_listens_is_said_in_a_line(naps):
    error = refusal(Door("http://127.0.0.1:9", TOKEN, name="FLEET_TOKEN", sleep=naps), read)
    assert "refused" in str(error)
    assert naps == list(PAUSES)


@pytest.mark.parametrize("ask", [read, query])
def test_what_fails_in_passing_is_read_the_next_time(wire, door, naps, ask):
    good = {"data": {"viewer": {"login": "ana"}}}
    for method, path in (("GET", PULLS), ("POST", "/graphql")):
        wire.add(method, at(path), status=502, body="<html>")
        wire.add(method, at(path), body=requests.ConnectionError("reset"))
        wire.add(method, at(path), json=good)
    found = ask(door)
    assert (found["data"] if ask is read else found[0]) == good["data"]
    assert naps == list(PAUSES)


@pytest.mark.parametrize("ask", [read, write, query])
def test_html_instead_of_json_is_an_error(wire, door, ask):
    answer(wire, status=200, body="<html>a captive portal</html>", content_type="text/html")
    error = refusal(door, ask)
    assert "GITHUB_API_URL" in str(error)
    assert error.person
    assert len(wire.calls) == 1


@WAYS
@pytest.mark.parametrize("body", ['{"data": {"viewer"', b"[\xff\xfe]"])
def test_an_answer_that_is_cut_short_is_an_error(wire, door, ask, body):
    answer(wire, status=200, body=body)
    error = refusal(door, ask)
    assert "cut short" in str(error)
    assert len(wire.calls) == (1 if ask is write else TRIES)


# GraphQL answers 200 whatever goes wrong


def graphql(wire, body, **headers):
    wire.add("POST", at("/graphql"), json=body, headers=headers)


def test_a_limit_of_graphql_is_a_limit(wire, door, naps):
    said = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}]}
    graphql(wire, said, **{"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(RESET)})
    error = refusal(door, query)
    assert isinstance(error, RateLimitedError)
    assert error.until == datetime.fromtimestamp(RESET, UTC)
    assert (len(wire.calls), naps) == (1, [])


def test_a_repository_that_is_not_found_comes_with_its_error(wire, door):
    lost = {"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve to a Repository"}
    graphql(wire, {"data": {"repository": None}, "errors": [lost]})
    assert query(door) == ({"repository": None}, [lost])


def test_partial_data_is_given_with_its_errors(wire, door):
    data = {"repository": {"pullRequests": {"nodes": [{"number": 1}, None]}}}
    lost = {"type": "FORBIDDEN", "path": ["repository", "pullRequests", "nodes", 1], "message": "no"}
    graphql(wire, {"data": data, "errors": [lost]})
    assert query(door) == (data, [lost])
    assert len(wire.calls) == 1


def test_a_query_that_github_could_not_finish_is_asked_again(wire, door, naps):
    said = "Something went wrong while executing your query. This may be the result of a timeout"
    graphql(wire, {"data": None, "errors": [{"message": said}]})
    error = refusal(door, query)
    assert (error.status, error.person) == (502, False)
    assert (len(wire.calls), naps) == (TRIES, list(PAUSES))
    with pytest.raises(GitHubError):
        door.query(QUERY, {}, tries=1)
    assert len(wire.calls) == TRIES + 1


def test_a_query_that_github_does_not_understand_is_not_asked_again(wire, door):
    graphql(wire, {"errors": [{"message": "Field 'nope' doesn't exist on type 'Query'"}]})
    error = refusal(door, query)
    assert "Field 'nope'" in str(error)
    assert error.person
    assert len(wire.calls) == 1


@pytest.mark.parametrize("body", [[], {}, {"message": "hello"}, "text", None])
def test_json_that_is_not_graphql_asks_for_the_address(wire, door, body):
    graphql(wire, body)
    error = refusal(door, query)
    assert "GITHUB_API_URL" in str(error)
    assert error.person


# time


def test_nothing_is_begun_after_the_deadline(wire, naps):
    late = Door(API, TOKEN, name="FLEET_TOKEN", deadline=time.monotonic() - 1, sleep=naps)
    for ask in (read, write, query):
        assert "run out of time" in str(refusal(late, ask))
    assert (len(wire.calls), naps) == (0, [])


def test_no_pause_reaches_past_the_deadline(wire, naps):
    soon = Door(API, TOKEN, name="FLEET_TOKEN", deadline=time.monotonic() + PAUSES[0] - 0.1, sleep=naps)
    answer(wire, status=502)
    assert refusal(soon, read).status == 502
    assert (len(wire.calls), naps) == (1, [])


@WAYS
def test_every_request_has_a_time_limit(wire, door, ask):
    seen = []

    def remember(request):
        seen.append(request.req_kwargs["timeout"])
        return 200, {}, '{"data": {"viewer": {"login": "ana"}}}'

    for method, path in (("GET", PULLS), ("PUT", f"{PULLS}/3/merge"), ("POST", "/graphql")):
        wire.add_callback(method, at(path), remember)
    ask(door)
    assert seen == [15]


def test_twenty_requests_do_not_sleep(wire, door, naps):
    """PyGithub by default waits a second before each write and a quarter of one before each read: 15 s here."""
    answer(wire, json={"data": {"viewer": {"login": "ana"}}})
    start = time.monotonic()
    for _ in range(10):
        write(door), read(door)
    assert time.monotonic() - start < 3
    assert (len(wire.calls), naps) == (20, [])


def test_the_token_goes_to_github_and_nowhere_else(wire, door):
    answer(wire, json={})
    read(door)
    assert TOKEN in wire.calls[0].request.headers["Authorization"]
    assert TOKEN not in wire.calls[0].request.url
    assert TOKEN not in repr(vars(door))
