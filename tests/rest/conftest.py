"""A back office's requests at a shop's host."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.test import Client

from commerce.db.scope import tenant_scope
from tenants import operations
from tests.factories.tenants import Shop

ALL = (
    "MANAGE_PRODUCTS",
    "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "MANAGE_TRANSLATIONS",
    "MANAGE_MENUS",
    "MANAGE_PAGES",
    "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
    "MANAGE_CHANNELS",
    "MANAGE_APPS",
)


def make_key(shop: Shop, *permissions: str, scopes=()) -> str:
    """Return a key of an app that has these permissions (none: all of the catalogue's)."""
    with tenant_scope(shop.id):
        app = operations.create_app(name="Back office", permissions=permissions or ALL)
        return operations.create_app_token(app_id=app.id, scopes=scopes).text


@dataclass
class Office:
    """Sends requests with a key, and returns the answers."""

    shop: Shop
    key: str

    def __post_init__(self):
        self.client = Client(headers={"host": self.shop.host, "Authorization": f"Bearer {self.key}"})

    def __call__(self, method: str, path: str, body: Any = None, **headers: str):
        path = path if path.startswith("/api/") else f"/api/v1/{path}"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        kind = given.pop("Content-Type", "application/json")
        answer = self.client.generic(method, path, data, kind, headers=given)
        answer.data = orjson.loads(answer.content) if answer.content and "json" in answer["Content-Type"] else None
        return answer

    def get(self, path: str, **parameters: Any):
        return self.client.get(f"/api/v1/{path}", parameters).json()


@pytest.fixture
def office(tenant):
    """Return what asks at the tenant's host with a key that may do all."""
    return Office(tenant, make_key(tenant))
