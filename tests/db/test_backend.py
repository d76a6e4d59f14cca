from datetime import UTC, datetime

from django.db import connection

from catalog.models import Listing
from commerce.db.scope import tenant_scope
from tests.factories import catalog


def test_endless_windows_are_read_as_the_first_and_last_instants_that_python_has(tenant):
    with tenant_scope(tenant.id):
        product = catalog.make_product()
        listing = Listing.objects.get(product=product)
    assert listing.valid_from == datetime.min.replace(tzinfo=UTC)
    assert listing.valid_to == datetime.max.replace(tzinfo=UTC)


def test_other_instants_are_read_as_before():
    with connection.cursor() as cursor:
        cursor.execute("SELECT '2026-01-31 12:00:00.5+02'::timestamptz, NULL::timestamptz")
        assert cursor.fetchone() == (datetime(2026, 1, 31, 10, 0, 0, 500000, tzinfo=UTC), None)
