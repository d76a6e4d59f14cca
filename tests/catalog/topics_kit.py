"""A shop with everything in it, the documents of all tests, and what each answer depends on."""

import ast
import inspect
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.test import RequestFactory
from graphql import GraphQLError, parse

from catalog.models import Attribute, Category, Collection, Page, Product, ProductPublication, Thumbnail, Variant
from catalog.queries.thumbnails import DEFAULT_SIZE
from catalog.search import pending
from commerce.db.scope import tenant_scope
from commerce.db.topics import collecting_reads, usage_of
from commerce.graphql.executor import Executor, Query, Refused
from commerce.graphql.ids import to_global_id
from commerce.schema import schema
from tenants import hosts
from tenants.graphql.context import ShopContext
from tenants.models import Channel
from tests.catalog import (
    test_attributes,
    test_graphql_groups,
    test_graphql_lists,
    test_graphql_products,
    test_graphql_sql,
    test_menus,
    test_pages,
)
from tests.factories import catalog as make
from tests.factories.rows import load_every_model
from tests.factories.tenants import Shop, make_channel, open_shop
from tests.isolation import test_graphql as generated

EXECUTOR = Executor(schema)
RUN = Executor.run  # as it is without what other tests put in its place
DAY = timedelta(days=1)
# Where plain words are looked for.
TRANSLATED = ("nl", "en")


class Document(NamedTuple):
    text: str
    variables: dict[str, Any]
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer: its bytes, the topics that it depends on and until when, and the tables that were read."""

    body: bytes
    topics: frozenset[str]
    storable: bool
    tables: frozenset[str]
    valid_until: datetime | None


def full_shop(now: datetime) -> Shop:
    """Return a shop with rows of every model, two channels, much that is hidden, and starts and ends ahead."""
    shop = load_every_model(open_shop(languages=("en", "nl")))
    with tenant_scope(shop.id):
        other = make_channel(slug="other")
        coat, everything = Product.objects.filter(slug__startswith="shirt-").order_by("slug")
        for product, slug in ((coat, "coat"), (everything, "all")):
            Product.objects.filter(id=product.id).update(slug=slug)
        _give_values(everything, coat)
        _give_pictures(coat, everything)
        for number in range(5):
            make.make_product(f"Plain {number}", slug=f"plain-{number}", price=100 + number, category=coat.category)
        make.make_product("Elsewhere", slug="elsewhere", channels=[other], price=777)
        make.make_product("Nowhere", slug="nowhere", published=False)
        make.make_product("Unpriced", slug="unpriced", price=None)
        make.make_collection("Hidden", slug="hidden", products=[coat], channels=[])
        soon = make.make_product("Soon", slug="soon", category=coat.category)
        ProductPublication.objects.filter(product=soon).update(published_at=now + DAY)
        on_sale_soon = make.make_product("On sale soon", slug="on-sale-soon")
        ProductPublication.objects.filter(product=on_sale_soon).update(available_for_purchase_at=now + 2 * DAY)
        awaited = make.make_collection("Awaited", slug="awaited", products=[coat, soon])
        awaited.publications.update(published_at=now + 3 * DAY)
        _make_content(awaited, now)
        for owner in (coat, coat.variants.all()[0], coat.category, *Collection.objects.all(), *Page.objects.all()):
            make.make_translation(owner, "en", name=f"{owner} in English", slug=f"{str(owner).lower()[:20]}-en")
        make.refresh(*Product.objects.all())
        pending.write_all()
        while pending.write_some() or pending.count():
            pass
        Channel.objects.filter(id=other.id).update(is_active=False)  # so that documents need not name the channel
    return shop


def _make_content(awaited: Collection, now: datetime) -> None:
    """Make pages and a menu that leads to hidden things and to such as are to come."""
    topic = make.make_attribute("Kind", slug="kind", kind="page-type", values=["Story"])
    link = make.make_attribute("See", slug="see", kind="page-type", input_type=Attribute.InputType.REFERENCE)
    kind = make.make_page_type("Story", slug="story", attributes=[topic, link])
    shown = make.make_page("Shown", slug="shown", page_type=kind, values=list(topic.values.all()))
    pages = [
        make.make_page("Hidden", slug="hidden", page_type=kind, is_published=False),
        make.make_page("Coming", slug="coming", page_type=kind, published_at=now + 4 * DAY),
    ]
    see = {"attribute": link, "name": "x", "reference_kind": "Page"}
    for page in pages:
        value = link.values.create(slug=str(page.id), reference_id=page.id, **see)
        shown.pagevalue_set.create(value=value)
    menu = make.make_menu("Navbar", slug="navbar")
    top = make.make_menu_item(menu, "Top", page=shown)
    for page in pages:
        make.make_menu_item(menu, page.title, parent=top, page=page)
    make.make_menu_item(menu, "Awaited", parent=top, collection=awaited)


def _give_pictures(*products: Product) -> None:
    """Give products stored pictures whose thumbnails have been made, and their categories backgrounds."""
    Thumbnail.objects.all().delete()
    for product in products:
        file = make.make_media(product, file=f"products/{product.slug}.png", position=-1).file.name
        Category.objects.filter(id=product.category_id).update(background_image=file)
        for size in (256, DEFAULT_SIZE):
            made = {"size": size, "format": "ORIGINAL", "name": f"thumbnails/{product.slug}_{size}.png"}
            Thumbnail.objects.create(source=file, claimed_at=product.created_at, **made)


def _give_values(product: Product, target: Product) -> None:
    """Give a product and its variants values of attributes of every sort, one of them hidden."""
    kinds = {"numeric": 2.5, "boolean": True, "plain-text": "Plain", "date": "2026-03-01", "swatch": "Red|#ff0000"}
    attributes = [
        make.make_attribute(kind, slug=f"a-{kind}", input_type=kind, values=[raw]) for kind, raw in kinds.items()
    ]
    hidden = make.make_attribute("Secret", slug="secret", values=["Unseen"], visible_in_storefront=False)
    reference = make.make_attribute("Goes with", slug="goes-with", input_type=Attribute.InputType.REFERENCE)
    reference.values.create(attribute=reference, name="x", slug="x", reference_kind="Product", reference_id=target.id)
    for attribute in (*attributes, hidden, reference):
        product.product_type.producttypeattribute_set.create(attribute=attribute)
        product.productvalue_set.create(value=attribute.values.all()[0])
    product.product_type.producttypeattribute_set.create(attribute=hidden, on_variants=True)
    product.product_type.producttypeattribute_set.create(attribute=attributes[-1], on_variants=True)
    for variant in product.variants.all():
        for value in (hidden.values.all()[0], attributes[-1].values.all()[0]):
            variant.variantvalue_set.create(product=product, value=value)


def documents(shop: Shop) -> list[Document]:
    """Return documents that ask this shop for everything, and are allowed to."""
    with tenant_scope(shop.id, read_only=True):
        found = [*_generated(shop), *_written(), *_lists(shop), *_lookups()]
        found += [document._replace(languages=TRANSLATED) for document in (*_generated(shop), *_lookups())]
    return [document for document in found if _is_allowed(document)]


def _is_allowed(document: Document) -> bool:
    try:
        return EXECUTOR.prepare(Query(document.text, document.variables, None)) is not None
    except Refused:
        return False


def _generated(shop: Shop) -> Iterator[Document]:
    """Yield a document for each field of each type of the schema."""
    keys = {kind: _id_of(table) for table, kind in generated.TYPES.items()}
    keys["ProductImage"] = keys["ProductMedia"]
    for case in generated.CASES:
        yield Document(generated.write(case, shop.token, keys), {})
    for narrowing in generated.FILTERS:
        for value in (shop.token, f"colour-{shop.token}", "a-numeric", "coat"):
            query, variable = generated._narrow(narrowing, value)
            yield Document(query, {"value": variable})


def _id_of(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} ORDER BY id LIMIT 1")
        return str(cursor.fetchone()[0])


def _written() -> Iterator[Document]:
    """Yield the documents that stand in the tests of the storefront."""
    modules = (test_graphql_groups, test_graphql_lists, test_graphql_products, test_graphql_sql)
    for module in (*modules, test_attributes, test_menus, test_pages):
        for text in _texts(ast.parse(inspect.getsource(module))):
            for slug in ("coat", "all", "soon"):
                yield Document(text, {"slug": slug, "first": 5, "s": slug})


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
            try:
                parse(node.value)
            except GraphQLError:
                continue
            yield node.value


def _lists(shop: Shop) -> Iterator[Document]:
    shirts = to_global_id("Category", Category.objects.get(slug=f"shirts-{shop.token}").id)
    summer = to_global_id("Collection", Collection.objects.get(slug=f"summer-{shop.token}").id)
    wanted: list[dict[str, Any]] = [
        *(
            {"sortBy": {"field": field, "direction": way}}
            for field in test_graphql_lists.FIELDS
            for way in ("ASC", "DESC")
        ),
        *({"filter": {name: value}} for name, value in _FILTERS),
        *({"where": {"attributes": [{"slug": slug}]}} for slug in ("a-numeric", "secret", f"colour-{shop.token}")),
        {"filter": {"categories": [shirts]}},
        {"filter": {"collections": [summer]}, "sortBy": {"field": "COLLECTION", "direction": "ASC"}},
        {"search": "shirt"},
        {"search": "soon"},
        {"search": "shrit"},
        {"search": "plaim english"},
        {"channel": "other"},
    ]
    for variables in wanted:
        for first in (2, 10):  # with products beyond the page, and without
            yield Document(test_graphql_lists.LIST, {"first": first, **variables})


_FILTERS = [
    ("price", {"gte": 1, "lte": 20}),
    ("minimalPrice", {"gte": 5}),
    ("stockAvailability", "IN_STOCK"),
    ("stockAvailability", "OUT_OF_STOCK"),
    ("stocks", {"quantity": {"gte": 1, "lte": 9}}),
    ("isAvailable", True),
    ("isPublished", True),
    ("publishedFrom", "2026-01-01T00:00:00Z"),
    ("availableFrom", "2026-01-01T00:00:00Z"),
    ("hasCategory", False),
    ("giftCard", False),
    ("attributes", [{"slug": "a-numeric", "valuesRange": {"gte": 1, "lte": 3}}]),
    ("attributes", [{"slug": "a-boolean", "boolean": True}]),
    ("metadata", [{"key": "token"}]),
    ("updatedAt", {"gte": "2020-01-01T00:00:00Z"}),
]


def _lookups() -> Iterator[Document]:
    """Yield documents that ask for one object by what names it, found and not."""
    channel = 'channel: "default-channel"'
    for prefix in ("p", "pla", "coat", "so"):
        found = "words products { name } categories { name }"
        yield Document(f'{{ searchSuggestions(prefix: "{prefix}", {channel}) {{ {found} }} }}', {})
    for search in ("", 'search: "shirt", ', 'search: "plain", '):
        facets = """attributes { attribute { slug } values { count value { slug } } }
          categories { count category { slug } } prices { gte count } stock { inStock }"""
        yield Document(f"{{ products({search}{channel}) {{ facets {{ {facets} }} }} }}", {})
    for variant in Variant.objects.order_by("id"):
        fields = "id name quantityAvailable pricing { price { gross { amount } } } product { name }"
        yield Document(f'{{ productVariant(sku: "{variant.sku}", {channel}) {{ {fields} }} }}', {})
        yield Document(f'{{ productVariant(sku: "{variant.sku}", {channel}) {{ name media {{ url }} }} }}', {})
    for slug in ("coat", "all", "soon", "elsewhere", "unpriced", "none"):
        yield Document(f'{{ product(slug: "{slug}", {channel}) {{ id name }} }}', {})
        yield Document(f'{{ product(slug: "{slug}", {channel}) {{ variants {{ id name sku }} }} }}', {})
        yield Document(f'{{ product(slug: "{slug}", {channel}) {{ translation(languageCode: EN) {{ name }} }} }}', {})
        yield Document(f'{{ product(slug: "{slug}", {channel}) {{ name collections {{ name }} }} }}', {})
    item = "name category { name } collection { name } page { title }"
    yield Document(f'{{ menu(slug: "navbar", {channel}) {{ items {{ {item} children {{ {item} }} }} }} }}', {})
    yield Document(f"{{ menus(first: 9, {channel}) {{ totalCount edges {{ node {{ items {{ name }} }} }} }} }}", {})
    for slug in ("shown", "hidden", "coming", "shown-en", "none"):
        held = "attributes { values { name } } assignedAttributes { attribute { name } }"
        yield Document(f'{{ page(slug: "{slug}") {{ title content {held} }} }}', {})
        words = "translation(languageCode: EN) { title }"
        yield Document(f'{{ page(slug: "{slug}", slugLanguageCode: EN) {{ {words} }} }}', {})
    referred = "... on AssignedMultiPageReferenceAttribute { value { title } }"
    yield Document(f'{{ page(slug: "shown") {{ assignedAttributes {{ {referred} }} }} }}', {})
    for kind, slug in [("product", "coat"), ("collection", "hidden"), ("collection", "awaited"), ("category", "none")]:
        market = "" if kind == "category" else f", {channel}"
        yield Document(f'{{ {kind}(slug: "{slug}"{market}) {{ id name }} }}', {})
        for own in (slug, f"{slug}-en"):
            yield Document(f'{{ {kind}(slug: "{own}", slugLanguageCode: EN{market}) {{ id name }} }}', {})


def ask(shop: Shop, document: Document, now: datetime, *, read_only: bool = True) -> Asked:
    """Answer a document as of an instant; in the open scope, if there is one."""
    tables: set[str] = set()

    def record(execute, sql, params, many, context):
        tables.update(usage_of(sql).read)
        return execute(sql, params, many, context)

    found = hosts.find(shop.host)
    assert found is not None
    request = RequestFactory().post("/graphql/")
    context = ShopContext(
        request=request,
        tenant=shop.id,
        shop=found,
        origin=f"https://{shop.host}",
        now=now,
        languages=document.languages,
    )
    query = Query(document.text, document.variables, None)
    with tenant_scope(shop.id, read_only=read_only), collecting_reads() as reads, connection.execute_wrapper(record):
        answer = RUN(EXECUTOR, EXECUTOR.prepare(query), context, lambda operation: nullcontext())
        topics, storable, until = reads.topics, reads.storable and answer.clean, reads.valid_until(now)
    return Asked(answer.body, topics, storable, frozenset(tables), until)


def ask_all(shop: Shop, found: list[Document], now: datetime) -> dict[str, tuple[Document, Asked]]:
    """Return the answers that may be kept, by what was asked."""
    asked = {repr(document): (document, ask(shop, document, now)) for document in found}
    return {key: pair for key, pair in asked.items() if pair[1].storable}
