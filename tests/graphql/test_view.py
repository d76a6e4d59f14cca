import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from .urls import scopes

URL = "/graphql/"
HELLO = {"query": '{ word(text: "hello") }'}


@pytest.fixture(autouse=True)
def _door(settings):
    settings.ROOT_URLCONF = "tests.graphql.urls"
    settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
    scopes.log.clear()


@pytest.fixture
def client():
    return Client(enforce_csrf_checks=True)


def post(client, body, content_type="application/json", **headers):
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    return client.generic("POST", URL, body, content_type, headers=headers, CONTENT_TYPE=content_type)


def refused(response, status=400):
    """Check that nothing ran, and return the message."""
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    assert scopes.log == []
    body = response.json()
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["extensions"] == {"exception": {"code": "GraphQLError"}}
    return error["message"]


def test_json_is_answered_without_csrf_or_cookies(client):
    response = post(client, HELLO)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.content == b'{"data":{"word":"hello"}}'
    assert not response.cookies
    assert scopes.log == ["open query", "commit"]


def test_answer_is_rendered_inside_the_scope(client, monkeypatch):
    def render(payload):
        assert scopes.log == ["open query"]
        return b"rendered"

    monkeypatch.setattr("commerce.graphql.executor.render", render)
    assert post(client, HELLO).content == b"rendered"


def test_executed_with_errors_is_200(client):
    response = post(client, {"query": "{ products { broken } }"})
    assert response.status_code == 200
    assert response.json()["data"] is not None


def test_not_executed_is_400_without_data(client):
    response = post(client, {"query": "{ nothing }"})
    assert response.status_code == 400
    assert list(response.json()) == ["errors"]


@pytest.mark.parametrize("variables", [{"t": "x"}, '{"t": "x"}'])
def test_variables_are_an_object_or_its_json(client, variables):
    body = {"query": "query A($t: String) { word(text: $t) }", "variables": variables, "operationName": "A"}
    assert post(client, body).json() == {"data": {"word": "x"}}


@pytest.mark.parametrize("variables", [None, "", {}])
def test_variables_may_be_left_out(client, variables):
    assert post(client, HELLO | {"variables": variables, "operationName": None}).json() == {"data": {"word": "hello"}}


def test_graphql_and_forms_are_read(client):
    text = "query A($t: String) { word(text: $t) }"
    assert post(client, HELLO["query"], "application/graphql").json() == {"data": {"word": "hello"}}
    form = {"query": text, "variables": '{"t": "é"}', "operationName": "A"}
    assert client.post(URL, form).json() == {"data": {"word": "é"}}  # multipart
    encoded = "query=query+A%28%24t%3A+String%29+%7B+word%28text%3A+%24t%29+%7D&variables=%7B%22t%22%3A%22%C3%A9%22%7D"
    assert post(client, encoded, "application/x-www-form-urlencoded").json() == {"data": {"word": "é"}}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json; charset=utf-8", '{"query": "{ word(text: \\"é\\") }"}'.encode()),
        ("application/json", b"\xef\xbb\xbf" + '{"query": "{ word(text: \\"é\\") }"}'.encode()),
        ("application/json; charset=iso-8859-1", '{"query": "{ word(text: \\"é\\") }"}'.encode("latin-1")),
        ("application/graphql; charset=utf-16", '{ word(text: "é") }'.encode("utf-16")),
    ],
)
def test_charset_of_the_content_type_is_obeyed(client, content_type, body):
    assert post(client, body, content_type).json() == {"data": {"word": "é"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"query": ', "The request body is malformed JSON: unexpected end of data: line 1 column 11 (char 10)"),
        (
            '{\n "query": x}',
            "The request body is malformed JSON: "
            "unexpected character, expected a JSON value: line 2 column 11 (char 12)",
        ),
        ("", "Must provide a query string. The request body is empty."),
        ("{}", "Must provide a query string."),
        ('{"query": ""}', "Must provide a query string."),
        ('{"query": null}', "Must provide a query string."),
        ('{"query": 7}', "Must provide a query string."),
        ('{"extensions": {"persistedQuery": {"version": 1}}}', "Must provide a query string."),
        ('{"id": 7}', "The `id` of a trusted document must be a string."),
        ('"text"', "The request body must be a JSON object with the key `query`."),
        ('{"query": "{ word }", "operationName": 7}', "`operationName` must be a string."),
        ('{"query": "{ word }", "variables": [1]}', "`variables` must be a JSON object."),
        ('{"query": "{ word }", "variables": "[1]"}', "`variables` must be a JSON object."),
        (
            '{"query": "{ word }", "variables": "{t"}',
            "Variables are invalid JSON: unexpected character, expected a string key: line 1 column 2 (char 1)",
        ),
        ('{"query": "{ word }", "variables": {"a": "\\ud800"}}', None),
        ("[]", "Received an empty list in the batch request."),
        ('[{"query": "{ word }"}, {"query": "{ word }"}]', "Number of batch queries exceeded."),
        ("[" * 3000, None),
    ],
)
def test_body_that_holds_no_query_is_refused(client, body, message):
    found = refused(post(client, body))
    if message is None:
        assert found.startswith("The request body is malformed JSON: ")
    else:
        assert found == message


def test_text_that_is_not_in_its_charset_is_refused(client):
    assert refused(post(client, b'{"query": "\xff"}')) == "The request body is no utf-8 text at byte 11."
    assert refused(post(client, b"{}", "application/json; charset=klingon")) == (
        "The charset 'klingon' of the Content-Type is unknown."
    )


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml"])
def test_other_content_types_are_refused(client, content_type):
    assert refused(post(client, json.dumps(HELLO), content_type)).startswith("Must provide a query string.")


def test_batch_of_one_is_answered_as_a_list(client):
    response = post(client, [HELLO])
    assert (response.status_code, response.json()) == (200, [{"data": {"word": "hello"}}])
    assert post(client, [{"query": "{"}]).status_code == 400


def test_body_that_is_too_large_is_refused(client):
    message = refused(post(client, {"query": "x" * 5000}), 413)
    assert message == "The request body of 5013 bytes exceeds the limit of 5000 bytes."
    assert refused(client.post(URL, {"query": "x" * 50_000}), 413).endswith("exceeds the limit of 50000 bytes.")


def test_body_that_django_finds_too_large_is_refused(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert refused(post(client, {"query": "x" * 200}), 413) == "The request body is too large."


UPLOAD = "query ($file: Upload) { echo(input: {file: $file}) }"


def multipart(**changes):
    operations = {"query": UPLOAD, "variables": {"file": None}}
    body = {
        "operations": json.dumps(operations),
        "map": json.dumps({"0": ["variables.file"]}),
        "0": SimpleUploadedFile("shoe.png", b"png"),
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def test_file_is_put_in_the_place_of_its_null(client):
    assert "shoe.png" in client.post(URL, multipart()).json()["data"]["echo"]


def test_file_is_put_into_a_batch_and_a_list(client):
    operations = [{"query": "query ($all: JSON) { echo(input: {json: $all}) }", "variables": {"all": [1, None]}}]
    body = multipart(operations=json.dumps(operations), map='{"0": ["0.variables.all.1"]}')
    assert "shoe.png" in client.post(URL, body).json()[0]["data"]["echo"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operations": "{"}, "`operations` is malformed JSON: unexpected end of data: line 1 column 2 (char 1)"),
        ({"map": "{"}, "`map` is malformed JSON: unexpected end of data: line 1 column 2 (char 1)"),
        ({"map": "[]"}, "`map` must be a JSON object of lists of paths."),
        ({"map": '{"0": "variables.file"}'}, "`map` must be a JSON object of lists of paths."),
        ({"map": '{"1": ["variables.file"]}'}, "`map` names the file '1', which is not in the request."),
        ({"0": None}, "`map` names the file '0', which is not in the request."),
        (
            {"map": '{"0": ["variables.nope"]}'},
            "`map` names the path 'variables.nope', where `operations` has no null.",
        ),
        (
            {"map": '{"0": ["variables.file.0"]}'},
            "`map` names the path 'variables.file.0', where `operations` has no null.",
        ),
        ({"map": '{"0": ["query"]}'}, "`map` names the path 'query', where `operations` has no null."),
        ({"operations": "7"}, "`map` names the path 'variables.file', where `operations` has no null."),
    ],
)
def test_bad_upload_names_its_place(client, changes, message):
    assert refused(client.post(URL, multipart(**changes))) == message


def test_broken_multipart_is_refused(client):
    message = refused(post(client, b"--x\r\nnothing", "multipart/form-data"))
    assert message.startswith("The request body cannot be read: ")


def test_upload_is_nothing_but_a_file(client):
    response = post(client, {"query": UPLOAD, "variables": {"file": "shoe.png"}})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].endswith(
        "Upload must be a file of a multipart request, given by a variable."
    )


def test_failing_scope_is_500_in_json(client, caplog):
    response = post(client, HELLO, **{"X-Fail": "1"})
    assert response.status_code == 500
    assert response.json()["errors"][0]["message"] == "Internal Server Error"
    assert "no database" in caplog.text
    assert "no database" not in response.content.decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "get", "head"])
def test_other_methods_are_405(client, settings, method):
    settings.GRAPHIQL = False
    response = getattr(client, method)(URL + "?query={word}")
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    if method != "head":
        assert refused(response, 405) == f"{method.upper()} is not allowed: send queries by POST."


@pytest.mark.parametrize("name", ["DEBUG", "GRAPHIQL"])
def test_get_shows_graphiql_in_development_and_runs_nothing(client, settings, name):
    settings.GRAPHIQL = settings.DEBUG = False
    setattr(settings, name, True)
    response = client.get(URL + "?query={word}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert b"GraphiQL" in response.content
    assert scopes.log == []


def test_origin_is_echoed(client):
    response = post(client, HELLO, Origin="https://shop.example")
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert response["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in post(client, HELLO)
    assert post(client, "{", Origin="https://shop.example")["Access-Control-Allow-Origin"] == "https://shop.example"


def test_preflight(client):
    response = client.options(URL, headers={"Origin": "https://shop.example"})
    assert response.status_code == 200
    assert {name.lower(): value for name, value in response.items() if name.startswith("Access")} == {
        "access-control-allow-origin": "https://shop.example",
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": (
            "Origin, Content-Type, Accept, Authorization, Source-Service-Name, Authorization-Bearer, Read-After, "
            "X-Storefront-Token, Idempotency-Key"
        ),
        "access-control-expose-headers": (
            "Read-After, Retry-After, RateLimit, RateLimit-Policy, X-Cache, Idempotency-Replayed"
        ),
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-max-age": "600",
    }
    assert client.options(URL).status_code == 200


def test_origin_that_is_not_allowed(client, settings):
    settings.ALLOWED_GRAPHQL_ORIGINS = ["https://*.example", "http://localhost:3000"]
    assert client.options(URL, headers={"Origin": "https://a.example"}).status_code == 200
    response = client.options(URL, headers={"Origin": "https://evil.test"})
    assert refused(response) == "The origin https://evil.test is not allowed."
    assert "Access-Control-Allow-Origin" not in response
    response = post(client, HELLO, Origin="https://evil.test")
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response
    assert response["Vary"] == "Origin"
