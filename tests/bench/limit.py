"""What the operations would cost at the least: one statement by hand, dicts, and orjson, under the same server.

The middleware, the tenant's scope and row-level security are the same; nothing is parsed, planned or resolved.
The answers have the same shape and are checked in the same way.
"""

import base64
from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from commerce.db.rows import fetch
from commerce.db.scope import tenant_scope
from tenants.middleware import tenant_of
from tests.bench.operations import PAGE

_CHANNEL = "(SELECT id FROM tenants_channel WHERE slug = 'default-channel')"
_NOW = f"l.channel_id = {_CHANNEL} AND l.valid_from <= now() AND l.valid_to > now()"
_LISTING = f"""CROSS JOIN LATERAL (
  SELECT * FROM catalog_listing l WHERE l.product_id = {{}} AND {_NOW} AND l.is_visible LIMIT 1) l"""
_SHOWN = "p.id, p.name, p.slug, c.id, c.name, c.slug, l.on_sale, l.price_min, l.price_max, l.currency, m.file, m.alt"
_SMALLER = """(SELECT t.name FROM catalog_thumbnail t
    WHERE t.source = m.file AND t.size = {} AND t.format = 'ORIGINAL' LIMIT 1)"""
_WITH_PRODUCT = f"""
CROSS JOIN LATERAL (SELECT * FROM catalog_product p WHERE p.id = l.product_id LIMIT 1) p
LEFT JOIN LATERAL (SELECT * FROM catalog_category c WHERE c.id = p.category_id LIMIT 1) c ON true
LEFT JOIN LATERAL (
  SELECT {_SMALLER.format(256)} AS file, m.alt FROM catalog_media m WHERE m.product_id = p.id AND m.type = 'IMAGE'
  ORDER BY m.position, m.id LIMIT 1) m ON true"""
_COUNT = f"(SELECT count(*) FROM catalog_listing l WHERE {_NOW} AND l.is_visible)"


def _by_name(total: str, after: str) -> str:
    return f"""SELECT {total}, {_SHOWN} FROM (
  SELECT o.name_key, l.* FROM catalog_listingname o {_LISTING.format("o.product_id")}
  WHERE o.channel_id = {_CHANNEL} AND o.language = 'en' {after}
  ORDER BY o.name_key, o.product_id LIMIT {PAGE + 1}) l {_WITH_PRODUCT} ORDER BY l.name_key, l.product_id"""


_AFTER = "AND (o.name_key, o.product_id) > (%s, %s)"
_FILTERED = f"""SELECT NULL, {_SHOWN} FROM (
  SELECT l.* FROM (
    SELECT DISTINCT held.product_id FROM catalog_productvalue held WHERE held.value_id = ANY(ARRAY(
      SELECT v.id FROM catalog_attributevalue v
      WHERE v.attribute_id = (SELECT a.id FROM catalog_attribute a WHERE a.slug = 'colour') AND v.slug = ANY(%s)))) held
  {_LISTING.format("held.product_id")}
  WHERE l.in_stock AND l.undiscounted_max >= %s AND l.undiscounted_min <= %s
  AND EXISTS (SELECT FROM catalog_productgroup g WHERE g.group_id = %s AND g.product_id = l.product_id OFFSET 0)
  AND EXISTS (
    SELECT FROM (SELECT v.id FROM catalog_variant v WHERE v.product_id = l.product_id OFFSET 0) v
    CROSS JOIN LATERAL (
      SELECT FROM catalog_variantprice price WHERE price.variant_id = v.id AND price.channel_id = l.channel_id
      AND price.price BETWEEN %s AND %s LIMIT 1) price OFFSET 0)
  ORDER BY l.price_min, l.product_id LIMIT {PAGE + 1}) l {_WITH_PRODUCT} ORDER BY l.price_min, l.product_id"""
_SEARCH = f"""SELECT NULL, {_SHOWN} FROM (
  SELECT l.* FROM (SELECT p.id FROM catalog_product p WHERE p.name ILIKE %s OFFSET 0) found
  {_LISTING.format("found.id")} ORDER BY l.rank DESC, l.product_id DESC LIMIT {PAGE + 1}) l {_WITH_PRODUCT}"""
_PRODUCT = f"""
SELECT {_SHOWN}, p.description, p.seo_title, p.seo_description, l.is_purchasable AND l.in_stock,
  (SELECT json_agg(json_build_array({_SMALLER.format(1024)}, m.alt, m.type) ORDER BY m.position, m.id)::text
   FROM catalog_media m WHERE m.product_id = p.id),
  (SELECT json_agg(json_build_array(a.id, a.slug, a.name, v.id, v.slug, v.name) ORDER BY ta.position)::text
   FROM (SELECT * FROM catalog_productvalue held WHERE held.product_id = p.id OFFSET 0) held
   CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = held.value_id LIMIT 1) v
   CROSS JOIN LATERAL (SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id LIMIT 1) a
   CROSS JOIN LATERAL (SELECT * FROM catalog_producttypeattribute ta WHERE ta.product_type_id = p.product_type_id
     AND ta.attribute_id = a.id AND NOT ta.on_variants LIMIT 1) ta),
  (SELECT json_agg(json_build_array(v.id, v.name, v.sku, price.price, free.pieces, held.values)
     ORDER BY v.position, v.id)::text
   FROM (SELECT * FROM catalog_variant v WHERE v.product_id = p.id OFFSET 0) v
   CROSS JOIN LATERAL (SELECT * FROM catalog_variantprice price
     WHERE price.variant_id = v.id AND price.channel_id = l.channel_id LIMIT 1) price
   CROSS JOIN LATERAL (SELECT sum(s.on_hand - s.reserved) AS pieces FROM catalog_stock s
     WHERE s.variant_id = v.id AND s.warehouse_id = ANY(
       ARRAY(SELECT w.warehouse_id FROM catalog_warehousechannel w WHERE w.channel_id = {_CHANNEL}))) free
   CROSS JOIN LATERAL (SELECT json_agg(json_build_array(a.slug, a.name, value.slug, value.name)) AS values
     FROM (SELECT * FROM catalog_variantvalue held WHERE held.variant_id = v.id OFFSET 0) held
     CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = held.value_id LIMIT 1) value
     CROSS JOIN LATERAL (SELECT * FROM catalog_attribute a WHERE a.id = value.attribute_id LIMIT 1) a) held)
FROM (SELECT id FROM catalog_product p WHERE p.slug = %s) wanted
CROSS JOIN LATERAL (
  SELECT * FROM catalog_listing l WHERE l.product_id = wanted.id AND {_NOW} AND l.is_published LIMIT 1) l
{_WITH_PRODUCT}"""
_TREE = "SELECT c.id, c.parent_id, c.name, c.slug, c.level FROM catalog_category c ORDER BY c.level, c.position, c.name"


@csrf_exempt
def answer(request: HttpRequest) -> HttpResponse:
    """Answer `{"operation": …}` with the same data that the GraphQL operation has."""
    asked = orjson.loads(request.body)
    shop = tenant_of(request)
    root = f"{request.scheme}://{request.get_host()}/media/{shop.public_id}/"
    with tenant_scope(shop.id, read_only=True, along_indexes=True):
        data = _OPERATIONS[asked["operation"]](asked, root)
        return HttpResponse(orjson.dumps({"data": data}), content_type="application/json")


def _list(asked: dict[str, Any], root: str) -> dict[str, Any]:
    return _page(_named("NULL", asked), root)


def _counted(asked: dict[str, Any], root: str) -> dict[str, Any]:
    rows = _named(_COUNT, asked)
    return _page(rows, root, totalCount=rows[0][0])


def _named(total: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    if "id" not in asked:
        return fetch(_by_name(total, ""))
    return fetch(_by_name(total, _AFTER), [bytes.fromhex(asked["key"]), asked["id"]])


def _filtered(asked: dict[str, Any], root: str) -> dict[str, Any]:
    least, most = asked["least"], asked["most"]
    return _page(fetch(_FILTERED, [asked["colours"], least, most, asked["group"], least, most]), root)


def _search(asked: dict[str, Any], root: str) -> dict[str, Any]:
    return _page(fetch(_SEARCH, [f"% {asked['text']} %"]), root)


def _page(rows: list[tuple[Any, ...]], root: str, **more: Any) -> dict[str, Any]:
    edges = [{"node": _card(row[1:], root)} for row in rows[:PAGE]]
    return {"products": {"pageInfo": {"hasNextPage": len(rows) > PAGE}, "edges": edges, **more}}


def _card(row: tuple[Any, ...], root: str) -> dict[str, Any]:
    key, name, slug, category, category_name, category_slug, on_sale, least, most, currency, file, alt = row
    return {
        "id": _id("Product", key),
        "name": name,
        "slug": slug,
        "category": {"id": _id("Category", category), "name": category_name, "slug": category_slug},
        "thumbnail": {"url": root + file, "alt": alt},
        "pricing": {
            "onSale": on_sale,
            "priceRange": {"start": _gross(least, currency), "stop": _gross(most, currency)},
        },
    }


def _product(asked: dict[str, Any], root: str) -> dict[str, Any]:
    found = fetch(_PRODUCT, [asked["slug"]])[0]
    *row, description, seo_title, seo_description, available, media, values, variants = found
    card = _card(tuple(row), root)
    pictures = [{"url": root + file, "alt": alt, "type": kind} for file, alt, kind in orjson.loads(media)]
    return {
        "product": {
            **card,
            "description": orjson.dumps(orjson.loads(description)).decode(),
            "thumbnail": {name: pictures[0][name] for name in ("url", "alt")},
            "seoTitle": seo_title or None,
            "seoDescription": seo_description or None,
            "isAvailable": available,
            "media": pictures,
            "attributes": [
                {
                    "attribute": {"id": _id("Attribute", key), "slug": slug, "name": name},
                    "values": [{"id": _id("AttributeValue", value), "slug": value_slug, "name": value_name}],
                }
                for key, slug, name, value, value_slug, value_name in orjson.loads(values)
            ],
            "variants": [_variant(variant, row[9]) for variant in orjson.loads(variants)],
        }
    }


def _variant(row: list[Any], currency: str) -> dict[str, Any]:
    key, name, sku, price, free, values = row
    return {
        "id": _id("ProductVariant", key),
        "name": name,
        "sku": sku,
        "quantityAvailable": max(min(free, 50), 0),
        "pricing": {"price": _gross(price, currency)},
        "attributes": [
            {"attribute": {"slug": slug, "name": title}, "values": [{"slug": value_slug, "name": value}]}
            for slug, title, value_slug, value in values
        ],
    }


def _categories(asked: dict[str, Any], root: str) -> dict[str, Any]:
    below: dict[Any, list[Any]] = {}
    for key, parent, name, slug, level in fetch(_TREE):
        node = {"id": _id("Category", key), "name": name, "slug": slug}
        if level < 2:
            node["children"] = {"edges": below.setdefault(key, [])}
        below.setdefault(parent, []).append({"node": node})
    return {"categories": {"edges": below.get(None, [])}}


def _id(kind: str, key: object) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def _gross(minor: int, currency: str) -> dict[str, Any]:
    return {"gross": {"amount": minor / 100, "currency": currency}}


_OPERATIONS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "list": _list,
    "filtered": _filtered,
    "counted": _counted,
    "product": _product,
    "search": _search,
    "categories": _categories,
}
