"""What is to be written again, and writing it.

Few products are written at once, in the transaction of their change. Many, and whatever hangs on a changed category,
attribute or value, are noted in that transaction, and a worker is told by an event of the same transaction.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID, uuid5

from django.db import connections

from catalog.search import vocabulary
from catalog.search.documents import write_documents
from commerce import outbox
from commerce.db.models import new_id
from commerce.db.scope import current_scope, current_tenant_id

logger = logging.getLogger(__name__)

# The event that tells of pending work. Its object is the tenant's search as a whole.
DUE = "search.due"
KIND = "Search"
_SEARCH = UUID("5b0b6f0e-6d3c-5b0c-9a52-6f9b7a1d2c11")

# So many products are written in the transaction of their change.
AT_ONCE = 10
# And so many in one transaction of a worker.
BATCH = 200

_ADD = """
INSERT INTO catalog_searchpending (tenant_id, id, object_kind, object_id, created_at)
SELECT current_tenant(), w.id, %s, w.object_id, statement_timestamp()
FROM unnest(%s::uuid[], %s::uuid[]) AS w(id, object_id)
"""
_TAKE = """
DELETE FROM catalog_searchpending WHERE tenant_id = current_tenant() AND id = ANY(ARRAY(
  SELECT id FROM catalog_searchpending ORDER BY id LIMIT %s))
RETURNING object_kind, object_id
"""
# One writer of a tenant's vocabulary at a time.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('catalog.search', current_tenant()))"

# The products whose documents have words of an object, by its kind.
_PRODUCTS_OF = {
    "Category": """
      WITH RECURSIVE below AS (
        SELECT c.id FROM catalog_category c WHERE c.id = ANY(%s)
        UNION SELECT c.id FROM below JOIN catalog_category c ON c.parent_id = below.id)
      SELECT p.id FROM catalog_product p WHERE p.category_id IN (SELECT id FROM below)""",
    "ProductType": "SELECT p.id FROM catalog_product p WHERE p.product_type_id = ANY(%s)",
    "AttributeValue": """
      SELECT x.product_id FROM catalog_productvalue x WHERE x.value_id = ANY(%(ids)s)
      UNION SELECT x.product_id FROM catalog_variantvalue x WHERE x.value_id = ANY(%(ids)s)""",
    "Attribute": """
      WITH held AS (SELECT v.id FROM catalog_attributevalue v WHERE v.attribute_id = ANY(%(ids)s))
      SELECT x.product_id FROM catalog_productvalue x WHERE x.value_id IN (SELECT id FROM held)
      UNION SELECT x.product_id FROM catalog_variantvalue x WHERE x.value_id IN (SELECT id FROM held)""",
    "All": "SELECT p.id FROM catalog_product p WHERE %s::uuid[] IS NOT NULL",
}


def products_changed(product_ids: Collection[UUID]) -> None:
    """Have the documents of products follow a change of the caller's transaction: few at once, many soon."""
    ids = set(product_ids)
    if 0 < len(ids) <= AT_ONCE:
        write_documents(ids)
    add("Product", ids)


def add(kind: str, ids: Iterable[UUID]) -> None:
    """Note objects, with all whose documents have their words, for a worker that is told at commit."""
    objects = sorted(set(ids))
    if not objects:
        return
    with _cursor() as cursor:
        cursor.execute(_ADD, [kind, [new_id() for _ in objects], objects])
    outbox.publish(DUE, object_kind=KIND, object_id=uuid5(_SEARCH, str(current_tenant_id())), object_version=1)


def write_all() -> None:
    """Note every product of the tenant."""
    add("All", [_SEARCH])


def write_some(*, at_most: int = BATCH) -> int | None:
    """Write documents that are due, in the caller's transaction, and their words; return how many changes were seen to.

    None where another transaction is at it.
    """
    with _cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_TAKE, [at_most])
        taken: dict[str, set[UUID]] = {}
        for kind, key in cursor.fetchall():
            taken.setdefault(kind, set()).add(key)
        products = taken.pop("Product", set())
        for kind, keys in taken.items():
            found = products_of(cursor, kind, keys)
            cursor.execute(_ADD, ["Product", [new_id() for _ in found], found])
    vocabulary.add_words(write_documents(products))
    return len(products) + sum(map(len, taken.values()))


def products_of(cursor: Any, kind: str, keys: Iterable[UUID]) -> list[UUID]:
    """Return the products whose documents have words of objects of a kind."""
    sql = _PRODUCTS_OF.get(kind)
    if sql is None:
        logger.warning("Documents do not depend on a %s.", kind)  # noted by other code than this
        return []
    cursor.execute(sql, {"ids": list(keys)} if "%(ids)s" in sql else [list(keys)])
    return [row[0] for row in cursor.fetchall()]


def count() -> int:
    """Return how many changes are waiting."""
    with _cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_searchpending")
        return int(cursor.fetchone()[0])


def _cursor() -> Any:
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()
