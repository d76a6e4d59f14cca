import threading
from functools import reduce

import pytest
from graphql import get_introspection_query, parse

from commerce.graphql.compiled import Document, Documents
from commerce.graphql.executor import Executor
from commerce.graphql.limits import Limits, measure

from .toy import Outcome, Scopes, run, schema


def refused(found):
    """Check that nothing ran, and return the messages."""
    assert found.status == 400
    assert "data" not in found.body
    assert found.scopes.log == []
    assert found.context.noted == []
    return found.messages


def test_query_runs_in_one_scope():
    assert run("{ products { name } listing { totalCount } }").scopes.log == ["open query", "commit"]


def test_syntax_error_names_its_place():
    found = run("{ products { name ")
    assert refused(found) == ["Syntax Error: Expected Name, found <EOF>."]
    assert found.errors[0]["locations"] == [{"line": 1, "column": 19}]
    assert found.errors[0]["extensions"] == {"exception": {"code": "GraphQLSyntaxError"}}


def test_unknown_field_names_its_place():
    found = run("{ products { nome } }")
    assert refused(found) == ["Cannot query field 'nome' on type 'Product'. Did you mean 'name'?"]
    assert found.errors[0]["locations"] == [{"line": 1, "column": 14}]


@pytest.mark.parametrize(
    ("text", "variables", "name", "message"),
    [
        ("", {}, None, "Must provide a query string."),
        ("# nothing", {}, None, "Syntax Error: Unexpected <EOF>."),
        (
            "query A { word } query B { word }",
            {},
            None,
            "Must provide operation name if query contains multiple operations.",
        ),
        ("query A { word }", {}, "B", "Unknown operation named 'B'."),
        ("fragment a on Query { word }", {}, None, "Fragment 'a' is never used."),
        ("subscription { word }", {}, None, "Schema is not configured to execute subscription operation."),
        (
            "query ($n: Int!) { products(limit: $n) { name } }",
            {},
            None,
            "Variable '$n' of required type 'Int!' was not provided.",
        ),
        (
            "query ($n: Int) { products(limit: $n) { name } }",
            {"n": "x"},
            None,
            "Variable '$n' got invalid value 'x'; Int cannot represent non-integer value: 'x'",
        ),
        ('{ word(text: "a\\u0000") }', {}, None, "The document holds a NUL character (\\u0000)."),
        (
            "query ($t: String) { word(text: $t) }",
            {"t": "a\0"},
            None,
            "The variable $t holds a NUL character (\\u0000).",
        ),
        (
            "query ($i: ScalarInput!) { echo(input: $i) }",
            {"i": {"json": [{"a": ["\0"]}]}},
            None,
            "The variable $i holds a NUL character (\\u0000).",
        ),
        (
            "query ($i: ScalarInput!) { echo(input: $i) }",
            {"i": {"json": reduce(lambda inner, _: [inner], range(300), "a")}},
            None,
            "The variable $i is nested deeper than 50 levels.",
        ),
        ("{" * 5000, {}, None, "Syntax Error: Document exceeds the maximum nesting depth. Parsing aborted."),
    ],
)
def test_what_cannot_run_is_refused_before_a_scope_opens(text, variables, name, message):
    messages = refused(run(text, variables, name))
    if text.startswith("{{"):
        assert len(messages) == 1
    else:
        assert messages == [message]


def test_operation_is_chosen_by_name():
    assert run('query A { word(text: "a") } query B { word(text: "b") }', operation_name="B").data == {"word": "b"}


def test_fragment_that_spreads_itself_is_refused():
    assert refused(run("{ products { ...a } } fragment a on Product { name ...a }")) == [
        "Cannot spread fragment 'a' within itself."
    ]


def test_introspection_is_within_the_limits_and_shows_deprecated_inputs():
    found = run(get_introspection_query(input_value_deprecation=True, input_object_one_of=False))
    assert found.status == 200
    names = {named["name"] for named in found.data["__schema"]["types"]}
    assert {"ProductCountableConnection", "ProductCountableEdge", "PageInfo", "Upload"} <= names
    assert run('{ __type(name: "Query") { fields { args(includeDeprecated: true) { name } } } }').status == 200


def test_mutations_run_one_after_the_other_each_in_its_scope():
    found = run(
        'mutation { a: rename(name: "x") { name } b: rename(name: "y") { name } c: rename(name: "z") { name } }'
    )
    assert found.data == {"a": {"name": "x"}, "b": {"name": "y"}, "c": {"name": "z"}}
    assert found.scopes.log == ["open mutation", "commit"] * 3
    assert [arguments["name"] for _, _, arguments in found.context.noted] == ["x", "y", "z"]


def test_what_one_mutation_read_is_not_kept_for_the_next():
    found = run('mutation { a: rename(name: "x") { name } b: rename(name: "y") { name } }')
    assert [arguments["memo"] for _, _, arguments in found.context.noted] == [{}, {}]


@pytest.mark.parametrize(("name", "message"), [("taken", "The name is taken."), ("bug", "Internal Server Error")])
def test_mutation_that_fails_is_rolled_back_and_the_next_one_runs(name, message):
    found = run(f'mutation {{ a: rename(name: "{name}") {{ name }} b: rename(name: "y") {{ name }} }}')
    assert found.body["data"] == {"a": None, "b": {"name": "y"}}
    assert found.messages == [message]
    assert found.scopes.log == ["open mutation", "roll back", "open mutation", "commit"]


def test_discarded_mutation_is_rolled_back_and_answers_all_the_same():
    found = run('mutation { a: rename(name: "discard") { name } b: rename(name: "y") { name } }')
    assert found.data == {"a": {"name": "discard"}, "b": {"name": "y"}}
    assert found.scopes.log == ["open mutation", "roll back", "open mutation", "commit"]


def test_mutation_whose_answer_fails_in_part_stands():
    found = run('mutation { rename(name: "x") { name fails } }')
    assert found.body["data"] == {"rename": {"name": "x", "fails": None}}
    assert found.scopes.log == ["open mutation", "commit"]


def test_mutation_whose_commit_fails_has_an_error_and_no_answer():
    found = run('mutation { rename(name: "x") { name } }', scopes=Scopes(fail_at_end=True))
    assert found.body["data"] == {"rename": None}
    assert found.messages == ["Internal Server Error"]
    assert found.errors[0]["path"] == ["rename"]


def test_failing_non_null_mutation_ends_the_request():
    found = run('mutation { a: mustRename { name } b: rename(name: "y") { name } }')
    assert found.body["data"] is None
    assert found.messages == ["Not now."]
    assert found.scopes.log == ["open mutation", "roll back"]


def test_typename_of_a_mutation_needs_no_scope():
    found = run("mutation { __typename }")
    assert (found.data, found.scopes.log) == ({"__typename": "Mutation"}, [])


def test_valid_documents_are_checked_once_and_the_oldest_is_dropped():
    checked = []

    def check(text, digest, limits):
        checked.append(text)
        node = parse("{ word }")
        return Document(schema, node, digest, measure(node, schema))

    documents = Documents(check, size=2)
    first = documents.get("a", Limits())
    assert documents.get("a", Limits()) is first
    documents.get("b", Limits())
    documents.get("a", Limits())
    documents.get("c", Limits())  # drops b
    documents.get("a", Limits())
    documents.get("b", Limits())
    assert checked == ["a", "b", "c", "b"]
    assert len(documents) == 2
    assert first.hash == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_refused_documents_are_not_kept():
    executor = Executor(schema, Limits())
    run("{ nothing }", executor=executor)
    run("{ word }", executor=executor)
    assert len(executor.documents) == 1


def test_threads_share_an_executor_and_no_level():
    executor = Executor(schema, Limits())
    found: list[Outcome] = []
    start = threading.Barrier(8)

    def work():
        start.wait()
        found.extend(run("{ products { id variants { sku } } }", executor=executor) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert all(outcome.context.count == {"Query.products": 1, "Product.id": 1} for outcome in found)
