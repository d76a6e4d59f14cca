"""Answers that are kept, by real Redis and PostgreSQL, for topics of these tests' own."""

import time
from uuid import uuid4

import pytest
from django.db import connections

from commerce.cache.responses import Entry
from commerce.db.replicas import cluster
from commerce.db.scope import tenant_scope


@pytest.fixture(autouse=True, scope="session")
def _cluster_is_known(_database):
    deadline = time.monotonic() + 20
    while cluster() is None:
        assert time.monotonic() < deadline, "the primary was not found"
        time.sleep(0.02)


@pytest.fixture
def new_entry():
    """Return a function that makes the place of an answer; each call is another request for it."""
    default = uuid4().hex

    def make(shop, digest: str = default) -> Entry:
        entry = Entry.of(tenant=shop.id, digest=digest)
        assert entry is not None
        return entry

    return make
