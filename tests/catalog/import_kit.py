"""Files to import, the command, and what a shop then holds, told by names and not by ids."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from commerce.db.scope import tenant_scope

MAPPING = """
product_type: {column: type, default: Thing}
product:
  external_reference: id
  name: name
  description: {column: description, optional: true}
  category: {column: category, optional: true}
  collections: {column: collections, split: "|", optional: true}
  media: [{column: picture, split: " ", optional: true}]
  published_at: {column: published, optional: true}
  weight: {column: weight, unit: kg, optional: true}
  metadata: {season: {column: season, optional: true}}
variant:
  sku: sku
  gtin: {column: ean, optional: true}
prices:
  - {column: price, unit: major, cost: {column: cost, optional: true}, prior: {column: was, optional: true}}
stock:
  - {column: stock, warehouse: main, optional: true}
attributes:
  - {column: colour, name: Colour, type: dropdown, optional: true}
  - {pattern: "t_*", type: plain-text, optional: true}
  - {pattern: "n_*", type: numeric, optional: true}
  - {pattern: "b_*", type: boolean, optional: true}
  - {column: tags, type: multiselect, split: "|", optional: true}
translations:
  nl: {name: {column: name_nl, optional: true}, description: {column: description_nl, optional: true}}
"""

ROWS: list[dict[str, Any]] = [
    {
        "id": "p1",
        "type": "Shirt",
        "name": "Plain shirt",
        "name_nl": "Effen hemd",
        "description": "Soft.\n\nAnd <cheap>.",
        "description_nl": "",
        "category": "Clothes > Shirts",
        "collections": "Summer|Featured products",
        "picture": "https://pictures.example/1.jpg https://pictures.example/2.jpg",
        "published": "2025-03-01",
        "weight": "0.25",
        "season": "summer",
        "sku": "S-1",
        "ean": "4006381333931",
        "price": "12.50",
        "cost": "5",
        "was": "15.00",
        "stock": "7",
        "colour": "Red",
        "t_note": "Wash at 30",
        "n_length": "70.5",
        "b_organic": "yes",
        "tags": "new|soft",
    },
    {
        "id": "p2",
        "type": "Shirt",
        "name": "Plain shirt",
        "name_nl": "",
        "description": "",
        "description_nl": "",
        "category": "Clothes > Shirts",
        "collections": "Summer",
        "picture": "",
        "published": "",
        "weight": "",
        "season": "",
        "sku": "S-2",
        "ean": "",
        "price": "",
        "cost": "",
        "was": "",
        "stock": "",
        "colour": "red",
        "t_note": "",
        "n_length": "70.50",
        "b_organic": "0",
        "tags": "",
    },
    {
        "id": "p3",
        "type": "",
        "name": "Überwurf, blau",
        "name_nl": "Sprei",
        "description": "Line one",
        "description_nl": "Regel",
        "category": "Home",
        "collections": "",
        "picture": "https://pictures.example/3.jpg",
        "published": "2025-01-01T10:00:00+02:00",
        "weight": "2",
        "season": "",
        "sku": "S-3",
        "ean": "96385074",
        "price": "99",
        "cost": "",
        "was": "",
        "stock": "0",
        "colour": "Blue",
        "t_note": "",
        "n_length": "-3",
        "b_organic": "",
        "tags": "soft",
    },
]


@dataclass
class Result:
    """What the command printed, and how it ended."""

    out: str
    err: str
    code: int = 0
    message: str = ""
    refused: list[dict[str, Any]] = field(default_factory=list)


def run(shop, path: Path, mapping: str | Path = MAPPING, **options: Any) -> Result:
    """Run the command for a shop; an error is in the result."""
    if isinstance(mapping, str):
        place = path.parent / "mapping.yaml"
        place.write_text(mapping)
        mapping = place
    out, err = StringIO(), StringIO()
    errors = path.parent / "errors.jsonl"
    result = Result("", "")
    slug = getattr(shop, "slug", shop)
    try:
        call_command(
            "import_products", path, tenant=slug, mapping=mapping, errors=errors, stdout=out, stderr=err, **options
        )
    except CommandError as error:
        result.code, result.message = error.returncode, str(error)
    result.out, result.err = out.getvalue(), err.getvalue()
    result.refused = [json.loads(line) for line in errors.read_text().splitlines()]
    return result


def counts(result: Result) -> tuple[int, ...]:
    """Return products created, changed, left, and rows refused."""
    line = next(line for line in result.out.splitlines() if line.endswith(" refused"))
    words = line.replace(",", "").split(": ", 1)[1].split()
    return tuple(int(word) for word in words if word.isdigit())


def write_csv(
    path: Path, rows: list[dict[str, Any]], *, end: str = "\n", mark: bytes = b"", delimiter: str = ","
) -> Path:
    def cell(value: Any) -> str:
        text = str(value)
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(c in text for c in f'{delimiter}"\n') else text

    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([row.get(column, "") for column in columns] for row in rows)]
    text = "".join(delimiter.join(map(cell, line)) + end for line in lines)
    return _write(path, mark + text.encode())


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as a program would: no empty cells, and numbers and booleans as such where they look like it."""
    lines = [json.dumps({key: _typed(key, value) for key, value in row.items() if value != ""}) for row in rows]
    return _write(path, ("\n".join(lines) + "\n").encode())


def write_yaml(path: Path, rows: list[dict[str, Any]]) -> Path:
    return _write(path, yaml.safe_dump(rows, allow_unicode=True, sort_keys=False).encode())


def _typed(key: str, value: Any) -> Any:
    if key.startswith("n_") or key in ("price", "weight"):
        return float(value)
    if key.startswith("b_"):
        return value == "yes"
    return int(value) if key == "stock" else value


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


# Table → what of it is told: columns, and joins that replace ids by names.
_TOLD = {
    "product_type": "SELECT slug, name, version FROM catalog_producttype",
    "attribute": "SELECT slug, name, input_type, unit, version FROM catalog_attribute",
    "pair": """
        SELECT t.slug, a.slug, x.on_variants, x.variant_selection FROM catalog_producttypeattribute x
        JOIN catalog_producttype t ON t.id = x.product_type_id JOIN catalog_attribute a ON a.id = x.attribute_id""",
    "value": """
        SELECT a.slug, v.slug, lower(v.name), v.value, v.numeric, v.boolean, v.date, v.plain_text, v.version
        FROM catalog_attributevalue v JOIN catalog_attribute a ON a.id = v.attribute_id""",
    "category": """
        SELECT c.slug, c.name, c.level, p.slug, c.version FROM catalog_category c
        LEFT JOIN catalog_category p ON p.id = c.parent_id""",
    "collection": """
        SELECT c.slug, c.name, p.slug, x.position FROM catalog_collection c
        LEFT JOIN catalog_collectionproduct x ON x.collection_id = c.id
        LEFT JOIN catalog_product p ON p.id = x.product_id""",
    "product": """
        SELECT p.external_reference, p.name, p.slug, p.description, p.weight_grams, p.metadata, t.slug, c.slug,
          p.version FROM catalog_product p JOIN catalog_producttype t ON t.id = p.product_type_id
        LEFT JOIN catalog_category c ON c.id = p.category_id""",
    "publication": """
        SELECT p.slug, c.slug, x.is_published, x.published_at, x.version FROM catalog_productpublication x
        JOIN catalog_product p ON p.id = x.product_id JOIN tenants_channel c ON c.id = x.channel_id""",
    "variant": """
        SELECT p.slug, v.sku, v.name, v.gtin, v.position, v.track_inventory, v.weight_grams, v.metadata, v.version
        FROM catalog_variant v JOIN catalog_product p ON p.id = v.product_id""",
    "price": """
        SELECT v.sku, c.slug, x.currency, x.price, x.cost, x.prior_price, x.version FROM catalog_variantprice x
        JOIN catalog_variant v ON v.id = x.variant_id JOIN tenants_channel c ON c.id = x.channel_id""",
    "stock": """
        SELECT v.sku, w.slug, x.on_hand, x.reserved, x.version FROM catalog_stock x
        JOIN catalog_variant v ON v.id = x.variant_id JOIN catalog_warehouse w ON w.id = x.warehouse_id""",
    "media": """
        SELECT p.slug, x.url, x.alt, x.position, x.version
        FROM catalog_media x JOIN catalog_product p ON p.id = x.product_id""",
    "product_value": """
        SELECT p.slug, a.slug, v.slug, x.position
        FROM catalog_productvalue x JOIN catalog_product p ON p.id = x.product_id
        JOIN catalog_attributevalue v ON v.id = x.value_id JOIN catalog_attribute a ON a.id = v.attribute_id""",
    "variant_value": """
        SELECT s.sku, a.slug, v.slug, x.position
        FROM catalog_variantvalue x JOIN catalog_variant s ON s.id = x.variant_id
        JOIN catalog_attributevalue v ON v.id = x.value_id JOIN catalog_attribute a ON a.id = v.attribute_id""",
    "translation": """
        SELECT t.object_kind, coalesce(p.slug, c.slug, a.slug, v.slug), t.language, t.name, t.description, t.version
        FROM catalog_translation t LEFT JOIN catalog_product p ON p.id = t.object_id
        LEFT JOIN catalog_category c ON c.id = t.object_id LEFT JOIN catalog_attribute a ON a.id = t.object_id
        LEFT JOIN catalog_attributevalue v ON v.id = t.object_id""",
    "listing": """
        SELECT p.slug, c.slug, l.is_published, l.is_visible, l.is_purchasable, l.in_stock, l.currency, l.price_min,
          l.price_max FROM catalog_listing l
        JOIN catalog_product p ON p.id = l.product_id JOIN tenants_channel c ON c.id = l.channel_id""",
    "listing_name": """
        SELECT p.slug, l.language, l.name_key
        FROM catalog_listingname l JOIN catalog_product p ON p.id = l.product_id""",
    "group": """
        SELECT p.slug, coalesce(c.slug, k.slug)
        FROM catalog_productgroup g JOIN catalog_product p ON p.id = g.product_id
        LEFT JOIN catalog_category c ON c.id = g.group_id LEFT JOIN catalog_collection k ON k.id = g.group_id""",
}
_STAMPS = ("catalog_product", "catalog_variant", "catalog_variantprice", "catalog_stock", "catalog_media",
           "catalog_productvalue", "catalog_variantvalue", "catalog_attributevalue", "catalog_attribute",
           "catalog_producttype", "catalog_producttypeattribute", "catalog_category", "catalog_collection",
           "catalog_collectionproduct", "catalog_productpublication", "catalog_translation", "catalog_listing",
           "catalog_listingname", "catalog_productgroup", "catalog_warehouse", "outbox_event")  # fmt: skip


def contents(shop) -> dict[str, list[str]]:
    """Return everything that a shop's catalogue holds, by names, sorted."""
    with tenant_scope(shop.id), connection.cursor() as cursor:
        told = {}
        for name, sql in _TOLD.items():
            cursor.execute(sql)
            told[name] = sorted(
                map(repr, ([bytes(c) if isinstance(c, memoryview) else c for c in row] for row in cursor))
            )
        return told


def stamps(shop) -> dict[str, Any]:
    """Return which transaction wrote each row of the catalogue last, and all events: equal if nothing was written."""
    with tenant_scope(shop.id), connection.cursor() as cursor:
        found = {}
        for table in _STAMPS:
            # The stack's relay finishes events meanwhile: a new one has a new id.
            stamp = "id::text" if table == "outbox_event" else "ctid::text, xmin::text"
            cursor.execute(f"SELECT {stamp} FROM {table}")
            found[table] = sorted(cursor.fetchall())
        return found


def events(shop, *, after: int = 0) -> Counter[str]:
    """Return how many events of each type a shop has, after the first so many; what tells the search of work aside."""
    with tenant_scope(shop.id), connection.cursor() as cursor:
        cursor.execute("SELECT type FROM outbox_event WHERE type <> 'search.due' ORDER BY position OFFSET %s", [after])
        return Counter(row[0] for row in cursor)


def fetch(shop, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with tenant_scope(shop.id), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
