import pytest

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tenants import operations, queries

CHANNEL = {"slug": "eu", "name": "Europe", "currency": "eur", "countries": ["nl"], "languages": ["nl_BE", "en"]}


def test_codes_are_kept_in_one_spelling(tenant):
    with tenant_scope(tenant.id):
        channel = operations.create_channel(**CHANNEL)
    assert (channel.currency, channel.countries, channel.default_country) == ("EUR", ["NL"], "NL")
    assert channel.languages == ["nl-BE", "en"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "EURO"), ("countries", ["XX1"]), ("countries", []), ("languages", ["klingon"]), ("languages", [])],
)
def test_wrong_codes_are_named_and_nothing_is_left(tenant, field, value):
    with tenant_scope(tenant.id):
        before = len(queries.list_channels())
        with pytest.raises(DomainError) as caught:
            operations.create_channel(**{**CHANNEL, field: value})
        assert caught.value.field in (field, "language")
        assert len(queries.list_channels()) == before
