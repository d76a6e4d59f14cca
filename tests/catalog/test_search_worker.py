"""The stack's own relay and worker write the documents that are due."""

import time

from catalog.models import Product, SearchWord
from catalog.models.search import NEVER
from catalog.search import pending
from commerce.db.scope import tenant_scope
from tests.catalog.test_search import offer


def test_the_stacks_own_worker_writes_what_is_due_within_a_second(whole_stack, tenant):
    """The relay hands the event on and a worker writes; this process does nothing but look."""
    with tenant_scope(tenant.id):
        products = [offer(f"Lamp {number}") for number in range(pending.AT_ONCE + 1)]
        Product.objects.update(name="Chair")
        pending.products_changed([product.id for product in products])
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with tenant_scope(tenant.id, read_only=True):
            left = pending.count()
            words = dict(SearchWord.objects.values_list("word", "documents"))
            is_counted = not SearchWord.objects.filter(counted_at=NEVER).exists()
        if not left and is_counted:
            break
        time.sleep(0.05)
    assert left == 0
    assert words["chair"] == pending.AT_ONCE + 1
