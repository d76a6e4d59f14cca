"""Apps of a shop, which ask at its GraphQL door with their tokens."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories.tenants import make_app


@dataclass(frozen=True)
class App:
    """An app; `key` is its id at the door, `token` what it sends."""

    id: UUID
    key: str
    token: str


def open_app(shop, *permissions: str, name: str) -> App:
    """Add an app with a token to a shop."""
    with tenant_scope(shop.id):
        made = make_app(*permissions, name=name)
    return App(made.token.app_id, to_global_id("App", made.token.app_id), made.text)


@pytest.fixture
def ask(client_for):
    """Return a function that asks a shop's door with a token, and returns the parsed answer."""

    def post(shop, token, query, **variables):
        client = client_for(shop, **({"authorization": f"Bearer {token}"} if token else {}))
        return client.post("/graphql/", {"query": query, "variables": variables}, "application/json").json()

    return post
