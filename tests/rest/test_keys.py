"""Who may ask: keys, their scopes, permissions and limits."""

import pytest

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.rest.document import document
from tenants import operations
from tenants.scopes import SCOPES, narrow
from tests.rest.conftest import Office, make_key

# What any app may read; of jobs it sees those that it has the permission for.
ANY_APP = ("/api/v1/channels", "/api/v1/jobs")
READS = [path for path, item in document()["paths"].items() if "get" in item and "{" not in path]


@pytest.mark.parametrize("path", READS)
def test_nobody_reads_without_a_key_of_the_shop(client_for, tenant, other_tenant, path):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {make_key(other_tenant)}"}):
        answer = client_for(tenant, **headers).get(path)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("path", [path for path in READS if path not in ANY_APP])
def test_a_key_without_permissions_reads_nothing(tenant, path):
    answer = Office(tenant, make_key(tenant, "MANAGE_ORDERS"))("GET", path)
    assert (answer.status_code, answer.data["code"]) == (403, "PERMISSION_DENIED")


def test_a_key_is_refused_from_the_request_on_that_follows_its_end(tenant):
    with tenant_scope(tenant.id):
        app = operations.create_app(name="Office", permissions=["MANAGE_PRODUCTS"])
        made = operations.create_app_token(app_id=app.id)
    office = Office(tenant, made.text)
    assert office("GET", "products").status_code == 200
    with tenant_scope(tenant.id):
        operations.delete_app_token(token_id=made.token.id)
    assert office("GET", "products").status_code == 401


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        ([], 200, 201),
        (["catalog:read"], 200, 403),
        (["catalog:write"], 403, 201),
        (["catalog:read", "catalog:write"], 200, 201),
        (["stock:read", "stock:write"], 403, 403),
    ],
)
def test_scopes_narrow_a_key_down(tenant, scopes, reads, writes):
    office = Office(tenant, make_key(tenant, "MANAGE_PRODUCTS", scopes=scopes))
    assert office("GET", "categories").status_code == reads
    assert office("POST", "categories", {"name": "Clothes", "slug": "clothes"}).status_code == writes


def test_scopes_give_nothing_that_the_app_may_not(tenant):
    office = Office(tenant, make_key(tenant, "MANAGE_ORDERS", scopes=sorted(SCOPES)))
    assert office("GET", "categories").status_code == 403


@pytest.mark.parametrize(("scopes", "is_told"), [([], True), (["catalog:read"], False), (sorted(SCOPES), True)])
def test_a_narrow_key_may_no_more_at_the_other_door(tenant, client_for, scopes, is_told):
    client = client_for(tenant, Authorization=f"Bearer {make_key(tenant, 'MANAGE_APPS', scopes=scopes)}")
    answer = client.post("/graphql/", {"query": "{appsInstallations {appName}}"}, "application/json").json()
    if is_told:
        assert answer == {"data": {"appsInstallations": []}}
    else:
        assert answer["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"


def test_a_permission_is_left_where_all_its_scopes_are():
    held = ["MANAGE_MENUS", "MANAGE_ORDERS", "AUTHENTICATED_APP"]
    assert narrow(held, []) == set(held)
    assert narrow(held, ["content:read"]) == {"AUTHENTICATED_APP"}
    assert narrow(held, ["content:read", "content:write"]) == {"MANAGE_MENUS", "AUTHENTICATED_APP"}


def test_a_new_key_in_place_of_others_may_do_no_more_than_they(tenant):
    with tenant_scope(tenant.id):
        app = operations.create_app(name="Office", permissions=["MANAGE_PRODUCTS"])
        for scope in ("catalog:read", "stock:read"):
            operations.create_app_token(app_id=app.id, scopes=[scope])
        assert operations.rotate_app_tokens(app_id=app.id).token.scopes == ["catalog:read", "stock:read"]
        operations.create_app_token(app_id=app.id)
        assert operations.rotate_app_tokens(app_id=app.id).token.scopes == []


def test_there_is_no_such_scope(tenant):
    with pytest.raises(DomainError) as refused:
        make_key(tenant, scopes=["catalog:delete"])
    assert (refused.value.code, refused.value.field) == ("INVALID_SCOPE", "scopes")


def test_a_feed_of_events_is_a_scope_of_its_own(tenant):
    office = Office(tenant, make_key(tenant, "MANAGE_PRODUCTS", scopes=["events:read"]))
    assert office("GET", "events").status_code == 200
    assert office("GET", "products").status_code == 403


def test_too_many_requests_are_refused(tenant, settings, office):
    settings.RATE_LIMIT, settings.RATE_LIMIT_PER_CLIENT = True, 5
    answers = [office("GET", "channels") for _ in range(7)]
    assert [answer.status_code for answer in answers][:5] == [200] * 5
    refused = answers[-1]
    assert (refused.status_code, refused.data["code"]) == (429, "TOO_MANY_REQUESTS")
    assert int(refused["Retry-After"]) >= 1
    assert refused["RateLimit-Policy"].startswith('"client";q=5')
    assert answers[0]["RateLimit"].startswith('"client";r=4')


def test_a_batch_counts_for_more_than_one_request(tenant, settings, office):
    settings.RATE_LIMIT, settings.RATE_LIMIT_PER_CLIENT = True, 10
    rows = [{"name": str(i), "slug": f"c-{i}"} for i in range(300)]
    assert office("POST", "categories/bulk", {"rows": rows[:1]}).status_code == 200
    assert office("POST", "categories/bulk", {"rows": rows}).status_code == 200
    assert office("POST", "categories/bulk", {"rows": rows}).status_code == 429
