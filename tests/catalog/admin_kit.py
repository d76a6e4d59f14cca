"""A shop with a product, and staff who are signed in to its admin."""

import pytest
from django.utils import timezone

from catalog.models import Listing
from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from tests.admin import sign_in
from tests.factories.catalog import make_product


@pytest.fixture
def shop(tenant):
    """A shop with one product, its variant priced 10.00 USD, five pieces in stock."""
    with tenant_scope(tenant.id):
        make_product("Shirt")
    return tenant


@pytest.fixture
def client(shop):
    return sign_in(shop)


@pytest.fixture
def scope(shop):
    """Return a function that opens the shop's scope."""
    return lambda: tenant_scope(shop.id)


def one(model, **where):
    return model._default_manager.get(**where)


def events(kind: str | None = None) -> list[tuple[str, str]]:
    found = Event.objects.order_by("position")
    return [(event.type, str(event.object_id)) for event in found if kind in (None, event.object_kind)]


def now_listed(product) -> Listing:
    now = timezone.now()
    return Listing.objects.get(product=product, valid_from__lte=now, valid_to__gt=now)


def column(form: dict, prefix: str, row: int = 0) -> str:
    """Return the name of the first price_… or stock_… field of a variant's row."""
    return next(name for name in form if name.startswith(f"variants-{row}-{prefix}_"))
