"""Trusted documents: registered by a command, called by id, and kept by caches on the way."""

import json
from hashlib import sha256
from io import StringIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command

from commerce.db.scope import tenant_scope
from tenants.models import PlatformAudit, TrustedDocument
from tenants.operations import set_documents_only, set_tenant_limits
from tests.factories.tenants import platform

CHANNEL = "query Market($slug: String!) { channel(slug: $slug) { name } }"
SLUG = {"slug": "default-channel"}
FAILING = "query { channel(slug: 7) { name } }"


def digest(text):
    return sha256(text.encode()).hexdigest()


def run(*arguments):
    out = StringIO()
    call_command("documents", *map(str, arguments), stdout=out)
    return out.getvalue()


def register(shop, *paths):
    return run("register", "--tenant", shop.slug, *paths)


@pytest.fixture
def write(tmp_path):
    def write(name: str, content) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    return write


@pytest.fixture
def kept(tenant, write):
    """The id of a document that the tenant has registered."""
    register(tenant, write("market.graphql", CHANNEL))
    return digest(CHANNEL)


def documents(shop):
    with tenant_scope(shop.id):
        return dict(TrustedDocument.objects.values_list("key", "text"))


def get(client, headers=None, **given):
    given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    return client.get("/graphql/?" + urlencode(given), headers=headers)


def post(client, **body):
    return client.post("/graphql/", body, "application/json")


def message(response):
    (error,) = response.json()["errors"]
    return error["message"]


# --- Registering ---------------------------------------------------------------------------------------


def test_files_are_kept_by_their_hash_and_manifests_by_their_ids(tenant, other_tenant, write, monkeypatch):
    monkeypatch.setenv("OPERATOR", "ada")
    texts = {name: f"{{ channel(slug: {json.dumps(name)}) {{ id }} }}" for name in ("codegen", "apollo")}
    answer = register(
        tenant,
        write("market.graphql", CHANNEL),
        write("codegen.json", {"a1": texts["codegen"]}),
        write(
            "apollo.json",
            {
                "format": "apollo-persisted-query-manifest",
                "version": 1,
                "operations": [{"id": "b2", "name": "A", "type": "query", "body": texts["apollo"]}],
            },
        ),
    )
    expected = {digest(CHANNEL): CHANNEL, "a1": texts["codegen"], "b2": texts["apollo"]}
    assert documents(tenant) == expected
    assert documents(other_tenant) == {}
    assert [line.split("\t")[:2] for line in answer.splitlines()] == [[key, "new"] for key in expected]
    with platform():
        entry = PlatformAudit.objects.get(command=f"documents register {tenant.slug}")
    assert (entry.operator, entry.reason) == ("ada", "operator's request")


def test_registering_again_changes_what_differs(tenant, write):
    register(tenant, write("m.json", {"a": CHANNEL, "b": CHANNEL}))
    answer = register(tenant, write("m.json", {"a": CHANNEL + " ", "b": CHANNEL, "c": CHANNEL}))
    assert [line.split("\t")[:2] for line in answer.splitlines()] == [["a", "changed"], ["b", "kept"], ["c", "new"]]
    assert documents(tenant) == {"a": CHANNEL + " ", "b": CHANNEL, "c": CHANNEL}


@pytest.mark.parametrize(
    ("name", "content", "reasons"),
    [
        ("a.graphql", "{ channel(slug: \n 7", ["a.graphql:2:3: Syntax Error: Expected Name, found <EOF>."]),
        (
            "a.graphql",
            "query {\n nothing\n never }",
            [
                "a.graphql:2:2: Cannot query field 'nothing' on type 'Query'.",
                "a.graphql:3:2: Cannot query field 'never' on type 'Query'.",
            ],
        ),
        ("a.graphql", "fragment a on Channel { id }", ["a.graphql:1:1: Fragment 'a' is never used."]),
        ("a.graphql", "", ["a.graphql:1: Must provide a query string."]),
        ("m.json", {"x": CHANNEL, "y": "{ nothing }"}, ["m.json:3: document y, line 1:3: Cannot query field"]),
        ("m.json", "{\n 'x'", ["m.json:2:2: is malformed JSON: "]),
        ("m.json", "[]", ["m.json: must be a JSON object {id: text}, or Apollo's manifest."]),
        ("m.json", {"x": 7}, ["m.json: entry 1 ('x') must have an id and a text, both strings."]),
        ("m.json", {"format": "apollo-persisted-query-manifest"}, ["m.json: `operations` must be a list of objects"]),
        (
            "m.json",
            {"format": "apollo-persisted-query-manifest", "operations": [{"id": "x"}]},
            ["m.json: entry 1 ('x') must have an id and a text, both strings."],
        ),
        ("m.json", {"x y": CHANNEL}, ["id: 'x y' is no id of a document: "]),
        ("m.json", {"": CHANNEL}, ["id: '' is no id of a document: "]),
        (
            "m.json",
            {"x": "query P { products(first: 100) { edges { node { id } } } }"},
            ["m.json:2: document x, line 1:1: The query `P` has an estimated cost of 101, which exceeds the limit of"],
        ),
        (
            "m.json",
            {"x": "query P($n: Int = 100) { products(first: $n) { edges { node { id } } } }"},
            ["m.json:2: document x, line 1:1: The query `P` has an estimated cost of 101, which exceeds the limit of"],
        ),
    ],
)
def test_all_or_nothing_is_registered(tenant, write, tmp_path, name, content, reasons):
    with platform():
        set_tenant_limits(slug=tenant.slug, limits={"cost": 60})
    bad = write(name, content)
    with pytest.raises(CommandError) as failure:
        register(tenant, write("good.graphql", CHANNEL), bad)
    lines = str(failure.value).replace(f"{tmp_path}/", "").splitlines()
    assert all(line.startswith(reason) for line, reason in zip(lines, reasons, strict=False))
    assert len(lines) >= len(reasons)
    assert documents(tenant) == {}


def test_one_id_with_two_texts_is_refused(tenant, write, tmp_path):
    with pytest.raises(CommandError) as failure:
        register(tenant, write("a.json", {"x": CHANNEL}), write("b.json", {"x": CHANNEL + " "}))
    assert f"{tmp_path}/b.json:2: {tmp_path}/a.json:2 has another text for x." in str(failure.value)
    assert documents(tenant) == {}


def test_a_file_or_tenant_that_is_not_there_is_named(tenant, tmp_path):
    with pytest.raises(CommandError, match=r"nothing\.graphql: cannot be read: No such file or directory\."):
        register(tenant, tmp_path / "nothing.graphql")
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        run("list", "--tenant", "nobody")


def test_list_and_remove(tenant, other_tenant, write):
    manifest = write("m.json", {"a": CHANNEL, "b": CHANNEL, "c": CHANNEL})
    register(tenant, manifest)
    register(other_tenant, manifest)
    assert [line.split("\t")[0] for line in run("list", "--tenant", tenant.slug).splitlines()] == ["a", "b", "c"]
    with pytest.raises(CommandError, match="There is no document 'x'"):
        run("remove", "--tenant", tenant.slug, "a", "x")
    with pytest.raises(CommandError, match="--all"):
        run("remove", "--tenant", tenant.slug)
    assert run("remove", "--tenant", tenant.slug, "a") == "removed 1\n"
    assert list(documents(tenant)) == ["b", "c"]
    assert run("remove", "--tenant", tenant.slug, "--all") == "removed 2\n"
    assert len(documents(other_tenant)) == 3


# --- Running by POST -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "documentId", "extensions"])
def test_post_by_id(tenant, kept, client_for, name):
    body = {name: {"persistedQuery": {"version": 1, "sha256Hash": kept}} if name == "extensions" else kept}
    response = post(client_for(tenant), **body, variables=SLUG, operationName="Market")
    assert (response.status_code, response.json()) == (200, {"data": {"channel": {"name": f"Channel {tenant.token}"}}})


def test_a_document_is_its_tenants_alone(tenant, other_tenant, kept, client_for):
    assert post(client_for(tenant), id=kept, variables=SLUG).status_code == 200
    response = post(client_for(other_tenant), id=kept, variables=SLUG)
    assert response.status_code == 404
    assert message(response).startswith(f"There is no trusted document '{kept}'")


@pytest.mark.parametrize("key", ["nothing", "a\0b", "x" * 500, "é"])
def test_an_unknown_id(tenant, client_for, key):
    assert post(client_for(tenant), id=key).status_code == 404
    response = get(client_for(tenant), id=key)
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")


def test_apollo_is_told_in_its_words(tenant, client_for):
    response = post(client_for(tenant), extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}})
    assert response.status_code == 200
    assert response.json() == {
        "errors": [
            {
                "message": "PersistedQueryNotFound",
                "extensions": {
                    "code": "PERSISTED_QUERY_NOT_FOUND",
                    "exception": {"code": "PersistedQueryNotFound"},
                },
            }
        ]
    }


def test_apollo_sends_the_text_after_that(tenant, client_for):
    def send(sha):
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha}}
        return post(client_for(tenant), query=CHANNEL, variables=SLUG, extensions=extensions)

    assert send(digest(CHANNEL)).json()["data"]["channel"]["name"] == f"Channel {tenant.token}"
    assert documents(tenant) == {}
    response = send("0" * 64)
    assert response.status_code == 400
    assert message(response) == "`extensions.persistedQuery.sha256Hash` is not the SHA-256 of `query`."


def test_a_document_registered_anew_is_run_at_once_and_a_removed_one_is_not(tenant, write, client_for):
    client = client_for(tenant)
    register(tenant, write("m.json", {"x": CHANNEL}))
    assert post(client, id="x", variables=SLUG).json()["data"] == {"channel": {"name": f"Channel {tenant.token}"}}
    register(tenant, write("m.json", {"x": CHANNEL.replace("name", "slug")}))
    assert post(client, id="x", variables=SLUG).json()["data"] == {"channel": {"slug": "default-channel"}}
    run("remove", "--tenant", tenant.slug, "x")
    assert post(client, id="x", variables=SLUG).status_code == 404
    register(tenant, write("m.json", {"x": CHANNEL}))
    assert post(client, id="x", variables=SLUG).json()["data"] == {"channel": {"name": f"Channel {tenant.token}"}}


def test_a_kept_document_is_read_once_per_process(tenant, kept, client_for, count_sql):
    post(client_for(tenant), id=kept, variables=SLUG)
    with count_sql() as statements:
        post(client_for(tenant), id=kept, variables={"slug": "other"})
    assert not any("trusteddocument" in statement for statement in statements)


def test_documents_only(tenant, other_tenant, kept, client_for):
    with platform():
        set_documents_only(slug=tenant.slug, documents_only=True)
    client = client_for(tenant)
    response = post(client, query=CHANNEL, variables=SLUG)
    assert response.status_code == 403
    assert message(response).startswith("This shop runs trusted documents alone")
    assert post(client, id=kept, variables=SLUG).json()["data"]["channel"]["name"] == f"Channel {tenant.token}"
    # The registered text runs, whatever else is sent beside its id.
    assert "data" in post(client, id=kept, query="{ channels { id } }", variables=SLUG).json()
    assert post(client, id="nothing", query=CHANNEL, variables=SLUG).status_code == 404
    sha = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    assert message(post(client, query=CHANNEL, extensions=sha)) == "PersistedQueryNotFound"
    assert post(client_for(other_tenant), query=CHANNEL, variables=SLUG).status_code == 200
    with platform():
        set_documents_only(slug=tenant.slug, documents_only=False)
    assert post(client, query=CHANNEL, variables=SLUG).status_code == 200


# --- Running by GET --------------------------------------------------------------------------------------


def test_get_answers_what_post_answers(tenant, kept, client_for):
    client = client_for(tenant)
    response = get(client, id=kept, variables=SLUG, operationName="Market")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.content == post(client, id=kept, variables=SLUG).content
    sha = {"persistedQuery": {"version": 1, "sha256Hash": kept}}
    assert get(client, extensions=sha, variables=SLUG).content == response.content


def test_an_answer_by_get_may_be_kept(tenant, kept, client_for, settings):
    settings.GRAPHQL_CACHE_MAX_AGE, settings.GRAPHQL_CACHE_SHARED_MAX_AGE, settings.GRAPHQL_CACHE_STALE = 1, 2, 3
    client = client_for(tenant)
    response = get(client, id=kept, variables=SLUG)
    assert response["Cache-Control"] == "public, max-age=1, s-maxage=2, stale-while-revalidate=3"
    varying = {"Accept-Language", "Authorization", "Authorization-Bearer", "Origin"}
    assert {word.strip() for word in response["Vary"].split(",")} == varying
    words = response["Surrogate-Key"].split(" ")
    assert words[0] == str(tenant.public_id)
    assert response["Cache-Tag"].split(",") == words
    assert all(word.startswith(f"{tenant.public_id}:") for word in words[1:])
    assert "RateLimit" not in response


def test_a_kept_answer_ends_when_it_is_to_end(tenant, kept, client_for, settings):
    """It is kept here for 20 seconds, up to a tenth less: other caches keep it no longer, whoever asks."""
    settings.RESPONSE_CACHE_TTL = 20
    client = client_for(tenant)
    for source in ("miss", "hit"):
        response = get(client, id=kept, variables=SLUG)
        assert response["X-Cache"] == source
        told = dict(part.split("=") for part in response["Cache-Control"].split(", ") if "=" in part)
        if source == "hit":
            assert int(told["s-maxage"]) + int(told["stale-while-revalidate"]) <= 20


def test_if_none_match(tenant, kept, client_for):
    client = client_for(tenant)
    first = get(client, id=kept, variables=SLUG)
    for tag in (first["ETag"], f"W/{first['ETag']}", f'"x", {first["ETag"]}', "*"):
        response = get(client, {"If-None-Match": tag}, id=kept, variables=SLUG)
        assert (response.status_code, response.content) == (304, b"")
        for name in ("ETag", "Cache-Control", "Vary", "Surrogate-Key", "Cache-Tag"):
            assert response[name] == first[name]
    other = get(client, {"If-None-Match": first["ETag"]}, id=kept, variables={"slug": "other"})
    assert other.status_code == 200
    assert other["ETag"] != first["ETag"]


def test_head_is_get_without_its_body(tenant, kept, client_for):
    query = "/graphql/?" + urlencode({"id": kept, "variables": json.dumps(SLUG)})
    got, asked = client_for(tenant).get(query), client_for(tenant).head(query)
    assert (asked.status_code, asked.content, asked["ETag"]) == (200, b"", got["ETag"])
    assert asked["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize("name", ["Authorization", "Authorization-Bearer"])
def test_an_answer_to_somebody_is_kept_by_nobody(tenant, kept, client_for, name):
    response = get(client_for(tenant), {name: "Bearer x"}, id=kept, variables=SLUG)
    assert response["Cache-Control"] == "private, no-store"
    assert "ETag" not in response
    assert "Surrogate-Key" not in response


def test_an_error_is_kept_by_nobody(tenant, write, client_for):
    register(tenant, write("m.json", {"x": CHANNEL, "bad": "{ products { edges { node { id } } } }"}))
    client = client_for(tenant)
    executed = get(client, id="bad")
    assert (executed.status_code, executed["Cache-Control"]) == (200, "no-store")
    assert "errors" in executed.json()
    for given in ({"variables": {}}, {"variables": "{"}, {"variables": [1]}, {"operationName": "Other"}):
        refused = get(client, id="x", **given)
        assert (refused.status_code, refused["Cache-Control"]) == (400, "no-store")
        assert "ETag" not in refused


def test_get_runs_no_text(tenant, client_for, settings):
    settings.GRAPHIQL = False
    assert get(client_for(tenant), query=CHANNEL, variables=SLUG).status_code == 405
    settings.GRAPHIQL = True
    assert b"GraphiQL" in get(client_for(tenant), query=CHANNEL, variables=SLUG).content
