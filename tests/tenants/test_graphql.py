"""What a tenant answers about itself at `/graphql/`."""

import pytest

from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories.tenants import make_channel, open_shop


@pytest.fixture
def dutch_shop():
    return open_shop(currency="EUR", countries=("NL", "BE"), languages=("nl-BE", "en"))


def test_shop_tells_its_name_countries_and_languages(graphql, dutch_shop):
    answer = graphql(dutch_shop, "{shop{name countries{code country} languages{code language} metadata{key}}}")
    assert answer == {
        "data": {
            "shop": {
                "name": f"Shop {dutch_shop.token}",
                "countries": [{"code": "BE", "country": "Belgium"}, {"code": "NL", "country": "Netherlands"}],
                "languages": [
                    {"code": "EN", "language": "English"},
                    {"code": "NL_BE", "language": "Dutch (Belgium)"},
                ],
                "metadata": [],
            }
        }
    }


def test_channel_is_found_by_slug_and_by_id(graphql, dutch_shop):
    fields = "{id slug name isActive currencyCode countries{code} defaultCountry{code} metadata{key value}}"
    wanted = {
        "id": to_global_id("Channel", dutch_shop.channel.id),
        "slug": "default-channel",
        "name": f"Channel {dutch_shop.token}",
        "isActive": True,
        "currencyCode": "EUR",
        "countries": [{"code": "NL"}, {"code": "BE"}],
        "defaultCountry": {"code": "NL"},
        "metadata": [],
    }
    by_slug = graphql(dutch_shop, '{channel(slug: "default-channel")' + fields + "}")
    assert by_slug == {"data": {"channel": wanted}}
    by_id = graphql(dutch_shop, "query($id: ID){channel(id: $id)" + fields + "}", id=wanted["id"])
    assert by_id == {"data": {"channel": wanted}}


def test_channel_of_another_shop_is_not_found(graphql, tenant, other_tenant):
    with tenant_scope(other_tenant.id):
        foreign = make_channel(slug="foreign")
    assert graphql(tenant, '{channel(slug: "foreign"){id}}') == {"data": {"channel": None}}
    foreign_id = to_global_id("Channel", foreign.id)
    assert graphql(tenant, "query($id: ID){channel(id: $id){id}}", id=foreign_id) == {"data": {"channel": None}}


def test_metadata_is_public_and_private_metadata_is_not(graphql, tenant):
    with tenant_scope(tenant.id):
        channel = make_channel(slug="market", currency="EUR")
        channel.metadata = {"b": "2", "a": "1"}
        channel.private_metadata = {"secret": "x"}
        channel.save(update_fields=["metadata", "private_metadata"])
    answer = graphql(
        tenant,
        """{channel(slug: "market"){
            metadata{key value} metafield(key: "a") none: metafield(key: "secret") metafields(keys: ["b", "secret"])
        }}""",
    )
    assert answer["data"]["channel"] == {
        "metadata": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "metafield": "1",
        "none": None,
        "metafields": {"b": "2"},
    }
    for field in ("privateMetadata{key}", 'privateMetafield(key: "secret")', "privateMetafields"):
        refused = graphql(tenant, '{channel(slug: "market"){' + field + "}}")
        assert refused["errors"][0]["extensions"]["exception"]["code"] == "PermissionDenied"
        assert "secret" not in str(refused["data"])


def test_channels_are_for_staff_and_apps(graphql, tenant):
    (error,) = graphql(tenant, "{channels{slug}}")["errors"]
    assert error["message"] == (
        "To access this path, you need one of the following permissions: AUTHENTICATED_APP, AUTHENTICATED_STAFF_USER"
    )
    assert error["extensions"]["exception"]["code"] == "PermissionDenied"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "At least one of arguments is required: 'id', 'slug'."),
        ('(slug: "")', "At least one of arguments is required: 'id', 'slug'."),
        ('(id: "Q2hhbm5lbDox", slug: "x")', "Argument 'id' cannot be combined with 'slug'."),
        ('(id: "nonsense")', "Invalid ID: nonsense. Expected: Channel."),
        ('(id: "UHJvZHVjdDox")', "Invalid ID: UHJvZHVjdDox. Expected: Channel."),
    ],
)
def test_channel_refuses_arguments_that_name_no_one_channel(graphql, tenant, count_sql, arguments, message):
    graphql(tenant, "{__typename}")
    with count_sql() as statements:
        answer = graphql(tenant, "{channel" + arguments + "{id}}")
    assert [error["message"] for error in answer["errors"]] == [message]
    assert statements == []
