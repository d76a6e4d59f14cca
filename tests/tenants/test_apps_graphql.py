"""Apps at the GraphQL door: who is let in, what they may do, and that it ends with the next request."""

from uuid import uuid4

import pytest

from commerce.cache import versions
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tenants import operations
from tenants.models import App, AppToken, Channel
from tests.factories.tenants import make_app

WHO = "{ app { id name permissions { code } } }"
NOBODY = "To access this path, you need one of the following permissions: AUTHENTICATED_STAFF_USER, AUTHENTICATED_APP"


@pytest.fixture
def ask(client_for):
    """Return a function that asks a shop with a token (or headers) and returns the parsed answer."""

    def post(shop, query, token="", variables=None, **headers):
        headers = {"authorization": f"Bearer {token}", **headers} if token else headers
        body = {"query": query, "variables": variables or {}}
        return client_for(shop, **headers).post("/graphql/", body, "application/json").json()

    return post


@pytest.fixture
def made(tenant):
    """An app with a few permissions, and its token."""
    with tenant_scope(tenant.id):
        return make_app("MANAGE_PRODUCTS", "MANAGE_CHANNELS", name="Stock")


@pytest.fixture
def manager(tenant):
    """The token of an app that manages apps, and products."""
    with tenant_scope(tenant.id):
        return make_app("MANAGE_APPS", "MANAGE_PRODUCTS", name="Manager").text


def refusals(answer):
    return [error["message"] for error in answer["errors"]]


# --- Who is let in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: {"authorization": f"Bearer {token}"},
        lambda token: {"authorization": f"bearer  {token} "},
        lambda token: {"authorization": f"JWT {token}"},
        lambda token: {"authorization-bearer": token},
        lambda token: {"authorization-bearer": token, "authorization": "Bearer nonsense"},
    ],
)
def test_an_app_is_known_by_its_token(ask, tenant, made, headers):
    assert ask(tenant, WHO, **headers(made.text)) == {
        "data": {
            "app": {
                "id": to_global_id("App", made.token.app_id),
                "name": "Stock",
                "permissions": [{"code": "MANAGE_CHANNELS"}, {"code": "MANAGE_PRODUCTS"}],
            }
        }
    }


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: {},
        lambda token: {"authorization": token},
        lambda token: {"authorization": f"Basic {token}"},
        lambda token: {"authorization": "Bearer"},
        lambda token: {"authorization": f"Bearer {token}x"},
        lambda token: {"authorization": f"Bearer {token.partition('.')[2]}"},
        lambda token: {"authorization": f"Bearer {token.partition('.')[0]}."},
        lambda token: {"authorization": f"Bearer {uuid4()}.{token.partition('.')[2]}"},
        lambda token: {"authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"},
        lambda token: {"authorization": f"Bearer {token}", "authorization-bearer": "nonsense"},
    ],
)
def test_whoever_has_no_token_of_the_shop_is_nobody(ask, tenant, made, headers):
    answer = ask(tenant, WHO, **headers(made.text))
    assert (answer["data"], refusals(answer)) == ({"app": None}, [NOBODY])
    assert ask(tenant, "{ shop { name } }", **headers(made.text)) == {
        "data": {"shop": {"name": f"Shop {tenant.token}"}}
    }


def test_a_token_is_refused_at_another_shops_host(ask, tenant, other_tenant, made):
    with tenant_scope(other_tenant.id):
        theirs = make_app(name="Theirs").text
    assert ask(other_tenant, WHO, theirs)["data"]["app"]["name"] == "Theirs"
    assert refusals(ask(other_tenant, WHO, made.text)) == [NOBODY]
    renamed = f"{other_tenant.public_id}.{made.text.partition('.')[2]}"
    assert refusals(ask(other_tenant, WHO, renamed)) == [NOBODY]


@pytest.mark.parametrize("end", ["token", "app", "deactivate"])
def test_what_is_revoked_ends_with_the_next_request(ask, tenant, made, end):
    assert ask(tenant, WHO, made.text)["data"]["app"]
    with tenant_scope(tenant.id):
        if end == "token":
            operations.delete_app_token(token_id=made.token.id)
        elif end == "app":
            operations.delete_app(app_id=made.token.app_id)
        else:
            operations.set_app_active(app_id=made.token.app_id, is_active=False)
    assert refusals(ask(tenant, WHO, made.text)) == [NOBODY]


def test_a_permission_that_is_given_counts_at_the_next_request(ask, tenant):
    with tenant_scope(tenant.id):
        made = make_app()
        Channel.objects.update(private_metadata={"key": "value"})
    query = '{ channel(slug: "default-channel") { privateMetafield(key: "key") } }'
    assert refusals(ask(tenant, query, made.text)) == [
        "To access this path, you need one of the following permissions: MANAGE_CHANNELS"
    ]
    with tenant_scope(tenant.id):
        operations.set_app_permissions(app_id=made.token.app_id, permissions=["MANAGE_CHANNELS"])
    assert ask(tenant, query, made.text) == {"data": {"channel": {"privateMetafield": "value"}}}


def test_channels_are_told_to_apps(ask, tenant, made):
    assert ask(tenant, "{ channels { slug } }", made.text) == {"data": {"channels": [{"slug": "default-channel"}]}}


def test_a_process_asks_for_tokens_once(ask, tenant, made, count_sql):
    ask(tenant, WHO, made.text)
    with count_sql() as statements:
        for token in (made.text, f"{tenant.public_id}.{'0' * 64}", "eyJ.eyJ.sig"):
            ask(tenant, WHO, token)
    assert statements == []


def test_without_redis_each_request_asks_the_database(ask, tenant, made, monkeypatch, count_sql):
    ask(tenant, WHO, made.text)
    monkeypatch.setattr(versions, "look", lambda *args: None)
    for _ in range(2):
        with count_sql() as statements:
            assert ask(tenant, WHO, made.text)["data"]["app"]["name"] == "Stock"
        assert len([sql for sql in statements if "apptoken" in sql]) == 1
    with tenant_scope(tenant.id):
        operations.delete_app_token(token_id=made.token.id)
    assert refusals(ask(tenant, WHO, made.text)) == [NOBODY]


# --- What an app sees of itself and of others ----------------------------------------------------------------


def test_an_app_sees_itself_and_what_it_keeps_privately(ask, tenant, made):
    with tenant_scope(tenant.id):
        App.objects.filter(id=made.token.app_id).update(private_metadata={"b": "2", "a": "1"}, metadata={"c": "3"})
    query = """{ app { type isActive identifier version tokens { name authToken }
        metadata { key value } privateMetadata { key value } privateMetafield(key: "a") privateMetafields } }"""
    assert ask(tenant, query, made.text)["data"]["app"] == {
        "type": "LOCAL",
        "isActive": True,
        "identifier": None,
        "version": "",
        "tokens": [{"name": "Default", "authToken": made.text[-4:]}],
        "metadata": [{"key": "c", "value": "3"}],
        "privateMetadata": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "privateMetafield": "1",
        "privateMetafields": {"b": "2", "a": "1"},
    }


def test_another_app_is_seen_by_those_who_manage_apps(ask, tenant, made, manager):
    query = "query($id: ID) { app(id: $id) { name tokens { name } privateMetadata { key } } }"
    variables = {"id": to_global_id("App", made.token.app_id)}
    wanted = {"name": "Stock", "tokens": [{"name": "Default"}], "privateMetadata": []}
    assert ask(tenant, query, made.text, variables) == {"data": {"app": wanted}}
    assert ask(tenant, query, manager, variables) == {"data": {"app": wanted}}
    with tenant_scope(tenant.id):
        third = make_app("MANAGE_PRODUCTS").text
    denied = ask(tenant, query, third, variables)
    assert (denied["data"], refusals(denied)) == (
        {"app": None},
        ["To access this path, you need one of the following permissions: MANAGE_APPS"],
    )


# --- Managing apps ------------------------------------------------------------------------------------------

CREATE = """mutation($input: AppInput!) { appCreate(input: $input) {
    authToken app { name type permissions { code } } errors { field message code } } }"""
TOKEN = """mutation($app: ID!) { appTokenCreate(input: {app: $app, name: "more"}) {
    authToken appToken { id name authToken } errors { field code } } }"""
REVOKE = "mutation($id: ID!) { appTokenDelete(id: $id) { appToken { name } errors { field code } } }"
VERIFY = "mutation($token: String!) { appTokenVerify(token: $token) { valid errors { code } } }"
CHANGES = ["appActivate", "appDeactivate", "appDelete"]


def change(name):
    return f"mutation($id: ID!) {{ {name}(id: $id) {{ app {{ name isActive }} errors {{ field code }} }} }}"


def test_an_app_is_created_with_a_token(ask, tenant, manager):
    given = {"input": {"name": "New", "permissions": ["MANAGE_PRODUCTS"]}}
    answer = ask(tenant, CREATE, manager, given)["data"]["appCreate"]
    assert (answer["app"], answer["errors"]) == (
        {"name": "New", "type": "LOCAL", "permissions": [{"code": "MANAGE_PRODUCTS"}]},
        [],
    )
    assert ask(tenant, WHO, answer["authToken"])["data"]["app"]["name"] == "New"


def test_no_app_gives_what_it_does_not_hold(ask, tenant, manager):
    with tenant_scope(tenant.id):
        before = App.objects.count()
    given = {"input": {"name": "New", "permissions": ["MANAGE_ORDERS"]}}
    assert ask(tenant, CREATE, manager, given)["data"]["appCreate"] == {
        "authToken": None,
        "app": None,
        "errors": [
            {
                "field": "permissions",
                "message": "You do not have these permissions yourself: MANAGE_ORDERS.",
                "code": "OUT_OF_SCOPE_PERMISSION",
            }
        ],
    }
    with tenant_scope(tenant.id):
        assert App.objects.count() == before


def test_tokens_are_made_verified_and_revoked(ask, tenant, manager):
    with tenant_scope(tenant.id):
        stock = make_app("MANAGE_PRODUCTS", name="Stock")
    made = ask(tenant, TOKEN, manager, {"app": to_global_id("App", stock.token.app_id)})["data"]["appTokenCreate"]
    token = made["authToken"]
    assert made["errors"] == []
    assert made["appToken"] == {"id": made["appToken"]["id"], "name": "more", "authToken": token[-4:]}
    assert ask(tenant, VERIFY, variables={"token": token})["data"]["appTokenVerify"]["valid"] is True
    revoked = ask(tenant, REVOKE, manager, {"id": made["appToken"]["id"]})["data"]["appTokenDelete"]
    assert revoked == {"appToken": {"name": "more"}, "errors": []}
    assert ask(tenant, VERIFY, variables={"token": token})["data"]["appTokenVerify"]["valid"] is False
    assert refusals(ask(tenant, WHO, token)) == [NOBODY]
    assert ask(tenant, WHO, stock.text)["data"]["app"]["name"] == "Stock"


def test_an_app_is_kept_out_let_in_and_deleted(ask, tenant, manager):
    with tenant_scope(tenant.id):
        stock = make_app("MANAGE_PRODUCTS", name="Stock")
    variables = {"id": to_global_id("App", stock.token.app_id)}
    for name, is_active in (("appDeactivate", False), ("appActivate", True)):
        answer = ask(tenant, change(name), manager, variables)["data"][name]
        assert answer == {"app": {"name": "Stock", "isActive": is_active}, "errors": []}
        assert ("errors" in ask(tenant, WHO, stock.text)) is not is_active
    assert ask(tenant, change("appDelete"), manager, variables)["data"]["appDelete"]["app"]["name"] == "Stock"
    assert refusals(ask(tenant, WHO, stock.text)) == [NOBODY]
    again = ask(tenant, change("appDelete"), manager, variables)["data"]["appDelete"]
    assert again == {"app": None, "errors": [{"field": "id", "code": "NOT_FOUND"}]}


@pytest.mark.parametrize("name", CHANGES)
def test_an_app_that_may_do_more_is_left_alone(ask, tenant, manager, made, name):
    """`made` manages channels, which `manager` does not."""
    answer = ask(tenant, change(name), manager, {"id": to_global_id("App", made.token.app_id)})["data"][name]
    assert answer == {"app": None, "errors": [{"field": "id", "code": "OUT_OF_SCOPE_APP"}]}
    refused = ask(tenant, TOKEN, manager, {"app": to_global_id("App", made.token.app_id)})["data"]["appTokenCreate"]
    assert (refused["authToken"], refused["errors"]) == (None, [{"field": "id", "code": "OUT_OF_SCOPE_APP"}])
    assert ask(tenant, WHO, made.text)["data"]["app"]["name"] == "Stock"


def test_only_those_who_manage_apps_do(ask, tenant, made):
    app, token = to_global_id("App", made.token.app_id), to_global_id("AppToken", made.token.id)
    attempts = [
        (CREATE, {"input": {"name": "New"}}),
        (TOKEN, {"app": app}),
        (REVOKE, {"id": token}),
        *((change(name), {"id": app}) for name in CHANGES),
    ]
    for caller in ("", made.text):
        for query, variables in attempts:
            assert refusals(ask(tenant, query, caller, variables)) == [
                "To access this path, you need one of the following permissions: MANAGE_APPS"
            ]
    with tenant_scope(tenant.id):
        assert list(App.objects.values_list("name", "is_active")) == [("Stock", True)]
        assert AppToken.objects.count() == 1
