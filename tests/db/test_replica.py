"""The standby really replicates, and refuses writes."""

import time

import pytest
from django.db import connections

from catalog.models import Category
from commerce.db.scope import tenant_scope
from tests.factories.catalog import make_category


def test_a_row_written_to_the_primary_is_read_from_the_standby(tenant, other_tenant):
    with tenant_scope(tenant.id):
        category = make_category()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with tenant_scope(tenant.id, read_only=True, using="replica"):
            found = Category.objects.filter(id=category.id).first()
        if found:
            break
        time.sleep(0.02)
    assert found == category
    with tenant_scope(other_tenant.id, read_only=True, using="replica"):
        assert not Category.objects.filter(id=category.id).exists()


def test_the_standby_is_another_server_that_recovers():
    with connections["replica"].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        assert cursor.fetchone() == (True,)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        assert cursor.fetchone() == (False,)


def test_the_standby_refuses_a_write_even_in_a_writing_scope(tenant):
    with pytest.raises(Exception, match="read-only transaction"), tenant_scope(tenant.id, using="replica"):
        make_category()
