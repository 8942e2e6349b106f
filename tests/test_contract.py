"""The checker finds requests that GitHub would not know, and every query of the product is one that it does."""

from datetime import UTC, datetime

import pytest
from graphql import parse, print_ast, validate_schema

import contract
from fleet.sim.faults import Request
from wire import PASS, QUERIES, product_query

WEB = "/repos/acme/web"
VALUES = {"String!": "x", "Int!": 7, "Boolean!": True, "String": None}


def problems(method, path, query=None, body=None):
    return contract.check([Request(method, path, query or {}, body, 200, "ana", datetime(2030, 1, 1, tzinfo=UTC))])


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", WEB, {}, None),
        ("GET", f"{WEB}/issues", {"state": "open", "labels": "a,b", "since": "2030-01-01T00:00:00Z"}, None),
        ("GET", f"{WEB}/branches/deep/work", {}, None),
        ("GET", f"{WEB}/git/ref/fleet/claim/issue-1", {}, None),
        ("PUT", f"{WEB}/pulls/1/merge", {}, {"merge_method": "squash", "sha": "1" * 40, "commit_title": "x"}),
        ("POST", f"{WEB}/issues/1/labels", {}, {"labels": ["x"]}),
        ("POST", f"{WEB}/issues/1/labels", {}, ["x"]),
        ("GET", "/acme/web.git/info/refs", {"service": "git-upload-pack"}, None),
    ],
)
def test_right_requests(method, path, query, body):
    assert problems(method, path, query, body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "words"),
    [
        ("GET", f"{WEB}/milestones", {}, None, "no operation"),
        ("POST", WEB, {}, {}, "no operation"),
        ("GET", f"{WEB}/pulls", {"author": "ana"}, None, "unknown query parameter author"),
        ("GET", f"{WEB}/pulls", {"state": "merged"}, None, "query state"),
        ("GET", f"{WEB}/issues", {"per_page": "200"}, None, "per_page"),
        ("GET", f"{WEB}/issues", {"per_page": "many"}, None, "query per_page"),
        ("PUT", f"{WEB}/pulls/1/merge", {}, {"merge_method": "fast"}, "'fast' is not one of"),
        ("PUT", f"{WEB}/pulls/1/merge", {}, {"title": "x"}, "unknown body property title"),
        ("POST", f"{WEB}/issues", {}, {"body": "x"}, "'title' is a required property"),
        ("POST", f"{WEB}/issues", {}, None, "the body is missing"),
        ("POST", f"{WEB}/statuses/x", {}, {"state": "green"}, "body.state"),
        ("GET", f"{WEB}/issues", {}, {"x": 1}, "takes no body"),
        ("POST", f"{WEB}/pulls/1/reviews", {}, {"comments": [{"line": 3}]}, "body.comments.0"),
    ],
)
def test_wrong_requests(method, path, query, body, words):
    found = problems(method, path, query, body)
    assert found
    assert words in " ".join(found)


def ask(query, **variables):
    return problems("POST", "/graphql", {}, {"query": query, "variables": variables})


@pytest.mark.parametrize(
    ("query", "variables", "words"),
    [
        ("{ viewer { login", {}, "Syntax Error"),
        ("{ viewer { name2 } }", {}, "Cannot query field 'name2'"),
        ("query($n: Int!) { viewer { login } rateLimit { cost } }", {"n": 1}, "never used"),
        ("{ viewer { login } }", {"n": 1}, "does not declare"),
        ("query($o: String!) { repository(owner: $o, name: $o) { isArchived } }", {}, "String!"),
        ("query($o: String!) { repository(owner: $o, name: $o) { isArchived } }", {"o": 3}, "String"),
        ('{ repository(owner: "a", name: "b") { issues { totalCount } } }', {}, "needs `first` or `last`"),
        ('{ repository(owner: "a", name: "b") { issues(first: 101) { totalCount } } }', {}, "1 to 100"),
        ('{ repository(owner: "a", name: "b") { issues(first: 0) { totalCount } } }', {}, "1 to 100"),
    ],
)
def test_wrong_queries(query, variables, words):
    assert words in " ".join(ask(query, **variables))


def test_a_query_that_asks_for_too_much():
    inner = "labels(first: 100) { nodes { name } }"
    many = "\n".join(f"p{n}: pullRequests(first: 100) {{ nodes {{ {inner} }} }}" for n in range(50))
    assert "500000" in " ".join(ask(f'{{ repository(owner: "a", name: "b") {{ {many} }} }}'))


def test_the_cost_is_that_of_the_docs():
    """One point for each hundred connections: here 1 + 100 of labels + 100 of contexts."""
    third = "statusCheckRollup { contexts(first: 60) { nodes { __typename } } }"
    query = '{ repository(owner: "a", name: "b") { pullRequests(first: 100) { nodes { LABELS THIRD } } } }'
    query = query.replace("LABELS", "labels(first: 50) { nodes { name } }")
    assert contract.cost(query.replace("THIRD", ""), {}) == 1
    assert contract.cost(query.replace("THIRD", third), {}) == 2
    assert contract.size_of(query.replace("THIRD", third), {}).nodes == 100 + 100 * 50 + 100 * 60


def test_a_switched_off_part_costs_nothing():
    off = {"owner": "acme", "name": "web", **PASS, "pulls": False, "issues": False, "defaultBase": False}
    assert contract.size_of(product_query("pass"), off).requests == 0
    assert contract.cost(product_query("pass"), {**off, "pulls": True, "pullPage": 100}) == 4


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.graphql")), ids=lambda path: path.stem)
def test_the_queries_of_the_product(path):
    text = product_query(path.stem)
    if not operations(text):  # a file of fragments: ask for the first of them
        name = parse(text).definitions[0].name.value
        one = f"p1: pullRequest(number: 1) {{ ...{name} }}"
        text += f"query Q($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {one} }} }}"
    declared = operations(text)[0].variable_definitions or ()
    assert ask(text, **{node.variable.name.value: VALUES[print_ast(node.type)] for node in declared}) == []


def operations(text):
    return [node for node in parse(text).definitions if node.kind == "operation_definition"]


def test_the_vendored_schema_stands_on_its_own():
    assert validate_schema(contract.schema()) == []
