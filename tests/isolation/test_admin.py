"""Forms of the admin, sent back with another shop's keys in place of the own ones: none of them gets in.

(That pages and lists show nothing of another shop is tried in tests/catalog/test_admin_pages.py.)
"""

import re
from typing import Any

import pytest
from django.contrib import admin

from commerce.db.scope import tenant_scope
from tests.admin import page, read_form, sign_in
from tests.factories.rows import load_every_model
from tests.factories.tenants import open_shop
from tests.isolation.conftest import Shops, ids_of, rows_of

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture(scope="module")
def shops(_database) -> Shops:
    """Return two shops of this module's own: their rows are changed here."""
    ours, theirs = load_every_model(open_shop()), load_every_model(open_shop())
    our_rows, their_rows = rows_of(ours), rows_of(theirs)
    return Shops(ours, theirs, our_rows, their_rows, frozenset(ids_of(their_rows)))


@pytest.fixture(scope="module")
def client(shops):
    return sign_in(shops.ours)


@pytest.fixture(scope="module")
def theirs_for_ours(shops) -> dict[str, str]:
    """Return a key of the other shop, of the same table, for each of the own ones."""
    return {
        row["id"]: shops.their_rows[table][min(number, len(shops.their_rows[table]) - 1)]["id"]
        for table, rows in shops.our_rows.items()
        for number, row in enumerate(rows)
        if len(row.get("id", "")) == 36
    }


def _swap(value: Any, keys: dict[str, str]) -> Any:
    return [_swap(item, keys) for item in value] if isinstance(value, list) else keys.get(value, value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_keys_of_another_shop_do_not_get_in_by_a_form(model, shops, client, theirs_for_ours):
    with tenant_scope(shops.ours.id):
        objects = list(model._default_manager.order_by("pk"))
    pages = ((obj, client.get(page(obj))) for obj in objects)
    obj, opened = next((obj, opened) for obj, opened in pages if opened.status_code == 200)
    form = read_form(opened)
    swaps = {name: swapped for name, value in form.items() if (swapped := _swap(value, theirs_for_ours)) != value}
    # of the rows of a formset one is enough: variants-0-id and variants-1-id are the same field
    fields = {re.sub(r"\d+", "", name): name for name in swaps}
    for changes in (swaps, *({name: swaps[name]} for name in fields.values())):
        answer = client.post(page(obj), {**form, **changes, "_save": "Save"})
        assert answer.status_code in (200, 302, 403, 404), changes
        assert shops.theirs.token not in answer.content.decode()
    TRIED[model] = len(fields)
    found = {value for rows in rows_of(shops.ours).values() for row in rows for value in row.values()}
    assert found & shops.secrets == set()
    assert rows_of(shops.theirs) == shops.their_rows


TRIED: dict[Any, int] = {}


def test_forms_with_keys_were_really_sent():
    assert sum(TRIED.values()) >= 20, TRIED
