"""The topics of each read of the catalogue, and those of each way to write."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone

from catalog import operations
from catalog.models import AttributeValue, Category, Product, ProductPublication, Stock, Translation, Variant
from catalog.models.stock import MOST_SHOWN
from catalog.operations import Pieces, refresh_products, release_stock, reserve_stock
from catalog.queries import attributes, conditions, groups, lists, products, translations
from catalog.search.query import make_search
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.db.topics import collecting_reads, on_changes, remove_handler
from commerce.graphql.paging import PageRequest
from tenants import queries as tenants
from tests.admin import page as page_of
from tests.admin import send, sign_in
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, open_shop

NOW = timezone.now()
NOBODY = UUID("00000000-0000-7000-8000-000000000000")


@pytest.fixture(scope="module")
def shop():
    """Return a shop with one product of everything, and one that is not shown."""
    opened = open_shop(languages=("en",))
    with tenant_scope(opened.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red"])
        value = colour.values.get()
        kind = make.make_product_type("Coat", slug="coat", attributes=[colour])
        root = make.make_category("Clothes", slug="clothes")
        category = make.make_category("Coats", slug="coats", parent=root)
        product = make.make_product("Coat", slug="coat", product_type=kind, category=category, values=[value])
        make.make_product("Hidden", slug="hidden", published=False)
        variant = product.variants.get()
        media = make.make_media(product, variants=[variant])
        make.make_translation(product, "nl", name="Jas", slug="jas")
        collection = make.make_collection("Summer", slug="summer", products=[product])
        rows = tenants.list_channel_rows()
        stock = Stock.objects.get(variant=variant)
    return SimpleNamespace(
        id=opened.id, shop=opened, product=product.id, variant=variant.id, type=kind.id, category=category.id,
        root=root.id, media=media.id, collection=collection.id, channel=rows[0], value=value.id, sku=variant.sku,
        attribute=colour, stock=stock.id,
    )  # fmt: skip


def one(kind, *ids):
    return {f"{kind}:{each}" for each in ids} | {f"{kind}:*"}


def page(**given):
    return PageRequest(limit=5, **given)


def product_list(s, order="NAME", **given):
    return lists.ProductList(channel=s.channel, now=NOW, order=order, language="en", **given)


READS = {
    "product by slug": (
        lambda s: products.get_product("slug", "coat", s.channel, NOW),
        lambda s: one("product", s.product),
    ),
    "no product": (lambda s: products.get_product("slug", "none", s.channel, NOW), lambda s: {"product"}),
    "hidden product": (lambda s: products.get_product("slug", "hidden", s.channel, NOW), lambda s: {"product"}),
    "product by translated slug": (
        lambda s: products.get_product_by_translated_slug("jas", "nl", s.channel, NOW),
        lambda s: one("product", s.product) | {"translation"},
    ),
    "products by id": (
        lambda s: products.list_products_by_id([s.product, NOBODY], s.channel, NOW),
        lambda s: one("product", s.product, NOBODY),
    ),
    "texts": (lambda s: products.list_texts([s.product]), lambda s: one("product", s.product)),
    "variant by sku": (
        lambda s: products.get_variant("sku", s.sku, s.channel, NOW),
        lambda s: one("product", s.product) | {"warehouse"},
    ),
    "no variant": (
        lambda s: products.get_variant("sku", "none", s.channel, NOW),
        lambda s: {"product", "warehouse"},
    ),
    "variants by id": (
        lambda s: products.list_variants_by_id([s.variant], s.channel, NOW),
        lambda s: one("product", s.product) | {"warehouse"},
    ),
    "variants by id, one not there": (
        lambda s: products.list_variants_by_id([s.variant, NOBODY], s.channel, NOW),
        lambda s: {"product", "warehouse"},
    ),
    "variants": (
        lambda s: products.list_variants([s.product], s.channel),
        lambda s: one("product", s.product) | {"warehouse"},
    ),
    "pieces of variants": (
        lambda s: products.list_variants([s.product], s.channel)[s.product][0].free,
        lambda s: one("product", s.product) | one("quantity", s.variant) | {"warehouse"},
    ),
    "media": (lambda s: products.list_media([s.product]), lambda s: one("product", s.product)),
    "media of variants": (
        lambda s: products.list_variant_media([s.variant], [s.product]),
        lambda s: one("product", s.product),
    ),
    "types": (lambda s: products.list_product_types([s.type]), lambda s: one("product-type", s.type)),
    "attributes": (
        lambda s: attributes.list_product_attributes([s.product], s.channel),
        lambda s: one("product", s.product) | one("value", s.value) | {"attribute"},
    ),
    "attributes of variants": (
        lambda s: attributes.list_variant_attributes([s.variant], s.channel, [s.product]),
        lambda s: one("product", s.product) | {"attribute"},
    ),
    "choices": (
        lambda s: attributes.list_choices(
            [a.attribute for a in attributes.list_product_attributes([s.product], s.channel)[s.product]], page()
        ),
        lambda s: one("product", s.product) | one("value", s.value) | {"attribute", "value"},
    ),
    "translations": (
        lambda s: translations.list_translations([s.product, s.category], "nl"),
        lambda s: one("translation", s.product, s.category),
    ),
    "category": (lambda s: groups.get_category("slug", "coats"), lambda s: one("category", s.category)),
    "no category": (lambda s: groups.get_category("slug", "none"), lambda s: {"category"}),
    "category by translated slug": (
        lambda s: groups.get_category_by_translated_slug("coats", "nl"),
        lambda s: one("category", s.category) | {"translation"},
    ),
    "categories by id": (lambda s: groups.list_categories_by_id([s.category]), lambda s: one("category", s.category)),
    "children": (lambda s: groups.list_children([s.root]), lambda s: {"category"}),
    "ancestors": (lambda s: groups.list_ancestors([s.category]), lambda s: one("category", s.category, s.root)),
    "categories": (lambda s: groups.list_categories((), page()), lambda s: {"category"}),
    "collection": (
        lambda s: groups.get_collection("slug", "summer", s.channel, NOW),
        lambda s: one("collection", s.collection),
    ),
    "no collection": (lambda s: groups.get_collection("slug", "none", s.channel, NOW), lambda s: {"collection"}),
    "collection by translated slug": (
        lambda s: groups.get_collection_by_translated_slug("summer", "nl", s.channel, NOW),
        lambda s: one("collection", s.collection) | {"translation"},
    ),
    "collections by id": (
        lambda s: groups.list_collections_by_id([s.collection], s.channel, NOW),
        lambda s: one("collection", s.collection),
    ),
    "collections of products": (
        lambda s: groups.list_collections_of([s.product], s.channel, NOW),
        lambda s: one("product", s.product) | {"collection"},
    ),
    "collections": (
        lambda s: groups.list_collections((), page(), s.channel, NOW),
        lambda s: {"collection"},
    ),
    "the plain list": (
        lambda s: lists.get_page(product_list(s), page()),
        lambda s: one("listing", s.channel.id) | one("product", s.product),
    ),
    "an empty list": (
        lambda s: lists.get_page(product_list(s, conditions=(conditions.in_stock(False),)), page()),
        lambda s: one("listing", s.channel.id),
    ),
    "the counted list": (
        lambda s: lists.get_page(product_list(s, "PRICE"), page(with_total=True)),
        lambda s: one("listing", s.channel.id) | one("product", s.product),
    ),
    "a list of a category": (
        lambda s: lists.get_page(product_list(s, conditions=(conditions.in_groups([s.category]),)), page()),
        lambda s: one("listing", s.channel.id) | one("product", s.product) | {"group"},
    ),
    "lists of categories": (
        lambda s: lists.list_pages(product_list(s), [s.category], page(with_total=True)),
        lambda s: one("listing", s.channel.id) | one("product", s.product) | {"group"},
    ),
    "a list by what products have": (
        lambda s: lists.get_page(product_list(s, "MODIFIED"), page()),
        lambda s: one("listing", s.channel.id) | {"product"},
    ),
    "a search": (
        lambda s: lists.get_page(product_list(s, "RELEVANCE", search=make_search("coat", "en")), page()),
        lambda s: one("listing", s.channel.id) | one("product", s.product) | {"search", "thumbnail"},
    ),
    "a list by values": (
        lambda s: lists.get_page(
            product_list(s, conditions=(conditions.having(conditions.one_of("colour", "slug", ["red"])),)), page()
        ),
        lambda s: one("listing", s.channel.id) | one("product", s.product) | {"attribute", "value", "assigned-value"},
    ),
    "a list by exact stock": (
        lambda s: lists.get_page(
            product_list(s, conditions=tuple(conditions.flatten([conditions.with_stock(None, 1, None)], "USD"))), page()
        ),
        lambda s: one("listing", s.channel.id) | one("product", s.product) | {"product", "pieces", "warehouse"},
    ),
    "channels": (lambda s: tenants.list_channel_rows(), lambda s: {"channel"}),
    "metadata of products": (
        lambda s: tenants.list_metadata("catalog_product", [s.product]),
        lambda s: one("product", s.product),
    ),
    "metadata of variants": (
        lambda s: tenants.list_metadata("catalog_variant", [s.variant]),
        lambda s: one("product", s.product),
    ),
    "metadata of media": (
        lambda s: tenants.list_metadata("catalog_media", [s.media]),
        lambda s: one("product", s.product),
    ),
    "metadata of nothing": (lambda s: tenants.list_metadata("catalog_variant", [NOBODY]), lambda s: {"product"}),
    "metadata of channels": (lambda s: tenants.list_metadata("tenants_channel", [s.channel.id]), lambda s: {"channel"}),
}

# Those that bring along which thumbnails have been made of the pictures.
PICTURED = {
    "product by slug",
    "no product",
    "hidden product",
    "product by translated slug",
    "products by id",
    "media",
    "media of variants",
    "category",
    "no category",
    "category by translated slug",
    "categories by id",
    "children",
    "ancestors",
    "categories",
    "collection",
    "no collection",
    "collection by translated slug",
    "collections by id",
    "collections of products",
    "collections",
    "the plain list",
    "an empty list",
    "the counted list",
    "a list of a category",
    "lists of categories",
    "a list by what products have",
    "a search",
    "a list by values",
    "a list by exact stock",
}


@pytest.mark.parametrize("name", READS)
def test_a_read_depends_on(name, shop):
    read, expected = READS[name]
    with tenant_scope(shop.id, read_only=True, along_indexes=True), collecting_reads() as reads:
        read(shop)
    assert reads.topics == expected(shop) | ({"thumbnail"} if name in PICTURED else set())
    assert reads.storable


# --- Writes -----------------------------------------------------------------------------------------------


class Told:
    """The topics of each transaction of one tenant."""

    def __init__(self, tenant_id):
        self.tenant_id, self.topics = tenant_id, []

    def before_commit(self, changes, connection):
        if self.tenant_id in changes:
            self.topics.append(changes[self.tenant_id])

    def after_commit(self, token, position):
        pass

    def after_failure(self, token, rolled_back):
        self.topics.append("failed")


@pytest.fixture
def told(shop):
    handler = Told(shop.id)
    on_changes(handler)
    yield handler.topics
    remove_handler(handler)


def changed(kind, *ids):
    return {kind, *(f"{kind}:{each}" for each in ids)}


def unnamed(*kinds):
    return {topic for kind in kinds for topic in (kind, f"{kind}:*")}


def test_a_refresh_that_changes_nothing_outdates_nothing(shop, told):
    with tenant_scope(shop.id):
        refresh_products(Product.objects.values_list("id", flat=True), now=NOW)
    assert told == []


def test_a_sale_that_leaves_an_item_in_stock_outdates_no_list(shop, told):
    with tenant_scope(shop.id):
        reserve_stock([Pieces(shop.stock, 1)], now=NOW)
    with tenant_scope(shop.id):
        release_stock([Pieces(shop.stock, 1)], now=NOW)
    assert told == [changed("quantity", shop.variant) | unnamed("pieces")] * 2


def test_the_sale_of_the_last_piece_outdates_lists(shop, told):
    with tenant_scope(shop.id):
        free = Stock.objects.get(id=shop.stock).on_hand
        reserve_stock([Pieces(shop.stock, free)], now=NOW)
    with tenant_scope(shop.id):
        release_stock([Pieces(shop.stock, free)], now=NOW)
    sold = changed("quantity", shop.variant) | changed("listing", shop.channel.id) | changed("product", shop.product)
    assert told == [sold | unnamed("pieces") | unnamed("search")] * 2


def test_a_sale_that_shoppers_cannot_see_outdates_what_counts_exactly_alone(shop, told):
    with tenant_scope(shop.id):
        stock = Stock.objects.get(id=shop.stock)
        stock.on_hand = stock.reserved + MOST_SHOWN + 2
        operations.save(stock, now=NOW)
    told.clear()
    for _ in range(3):
        with tenant_scope(shop.id):
            reserve_stock([Pieces(shop.stock, 1)], now=NOW)
    with tenant_scope(shop.id):
        release_stock([Pieces(shop.stock, 3)], now=NOW)
    seen = changed("quantity", shop.variant)
    assert told == [unnamed("pieces"), unnamed("pieces"), unnamed("pieces") | seen, unnamed("pieces") | seen]


def test_saving_a_product_outdates_it_and_not_the_lists(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        product.description = editorjs("Other words.")
        operations.save(product, now=NOW)
    assert told == [changed("product", shop.product) | unnamed("search")]


def test_a_rating_outdates_the_lists_of_its_channels_which_may_be_in_its_order(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        product.rating = 4.5
        operations.save(product, now=NOW)
    assert told == [changed("product", shop.product) | changed("listing", shop.channel.id) | unnamed("search")]


def test_what_shoppers_do_not_search_by_outdates_no_search(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        product.weight_grams = 777
        operations.save(product, now=NOW)
    assert told == [changed("product", shop.product)]


def test_renaming_a_product_outdates_the_lists_of_its_channels(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        product.name = f"{product.name} renamed"
        operations.save(product, now=NOW)
    assert told == [changed("product", shop.product) | changed("listing", shop.channel.id) | unnamed("search")]


def test_a_price_outdates_its_channel_alone(shop, told):
    with tenant_scope(shop.id):
        other = make_channel(slug="prices")
        ProductPublication.objects.create(product_id=shop.product, channel=other)
        price = make.set_price(Variant.objects.get(id=shop.variant), 900, channel=other)
    told.clear()
    with tenant_scope(shop.id):
        price.price = 800
        operations.save(price, now=NOW)
    with tenant_scope(shop.id):
        operations.delete(price, now=NOW)
    assert told == [changed("product", shop.product) | changed("listing", other.id)] * 2


def test_moving_a_product_outdates_what_reads_groups(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        product.category_id = shop.root
        operations.save(product, now=NOW)
        product.category_id = shop.category
        operations.save(product, now=NOW)
    assert told == [changed("product", shop.product) | unnamed("group") | unnamed("search")]


def test_moving_a_variant_outdates_both_products(shop, told):
    with tenant_scope(shop.id):
        other = make.make_product("Other", published=False)
        variant = Variant.objects.get(id=shop.variant)
        moved = make.make_variant(variant.product, price=None)
    told.clear()
    with tenant_scope(shop.id):
        moved.product = other
        operations.save(moved, now=NOW)
    assert {topic for topic in told[0] if topic.startswith("product")} == changed("product", shop.product, other.id)


def test_a_new_value_outdates_nobody_who_has_it_not(shop, told):
    with tenant_scope(shop.id):
        value = operations.ensure_value(attribute=shop.attribute, raw="Green")
        operations.ensure_value(attribute=shop.attribute, raw="Green")
    with tenant_scope(shop.id):
        value.name = "Dark green"
        operations.save(value, now=NOW)
    assert told == [changed("value", value.id), unnamed("value")]


def test_assigned_values_outdate_their_product(shop, told):
    with tenant_scope(shop.id):
        product = Product.objects.get(id=shop.product)
        operations.assign_product_values(product=product, values={"colour": ["Red"]}, now=NOW)
    with tenant_scope(shop.id):
        operations.assign_product_values(product=product, values={"colour": ["Violet"]}, now=NOW)
        violet = AttributeValue.objects.get(name="Violet")
        operations.assign_product_values(product=product, values={"colour": ["Red"]}, now=NOW)
    own = changed("product", shop.product) | unnamed("search")
    assert told == [own, own | unnamed("assigned-value") | changed("value", violet.id)]


def test_a_category_and_a_translation_outdate_themselves(shop, told):
    with tenant_scope(shop.id):
        category = Category.objects.get(id=shop.category)
        category.seo_title = "Coats"
        operations.save(category, now=NOW)
    with tenant_scope(shop.id):
        words = Translation(object_kind="Category", object_id=shop.category, language="de", name="Jacken")
        operations.save(words, now=NOW)
    assert told == [changed("category", shop.category), changed("translation", shop.category)]


def test_a_transaction_that_fails_tells_nothing(shop, told):
    with pytest.raises(operations.InsufficientStock), tenant_scope(shop.id):
        reserve_stock([Pieces(shop.stock, 10_000)], now=NOW)
    assert told == []


def test_an_import_outdates_the_products_that_it_changes(told, shop, tmp_path):
    (tmp_path / "rows.yaml").write_text(
        "product_type: {value: Coat}\nproduct: {external_reference: id, name: name}\nvariant: {sku: sku}\n"
        "prices: [{column: price, unit: major}]\nstock: [{column: stock, warehouse: main-import, optional: true}]\n"
    )
    file = tmp_path / "rows.csv"

    def bring(price: Decimal, name: str = "Scarf"):
        file.write_text(f"id,name,sku,price,stock\nscarf,{name},SCARF,{price},5\ncap,Cap,CAP,3,5\n")
        call_command(
            "import_products",
            str(file),
            tenant=shop.shop.slug,
            mapping=tmp_path / "rows.yaml",
        )

    bring(Decimal(10))
    with tenant_scope(shop.id):
        scarf = Product.objects.get(external_reference="scarf").id
        market = shop.channel.id
    told.clear()
    bring(Decimal(10), "Scarf")
    assert told == []
    bring(Decimal(12))
    assert told == [changed("product", scarf) | changed("listing", market)]


def test_the_admin_outdates_what_it_changes(shop, told):
    with tenant_scope(shop.id):
        category = Category.objects.get(id=shop.category)
    client = sign_in(shop.shop)
    told.clear()
    assert send(client, page_of(category), {"seo_title": "Warm coats"}).status_code == 302
    assert told == [changed("category", shop.category)]


def test_what_the_clock_will_change_ends_the_answers_of_today(shop, told):
    with tenant_scope(shop.id):
        product = make.make_product("Later", slug="later")
        ProductPublication.objects.filter(product=product).update(published_at=NOW + timedelta(days=1))
        make.refresh(product)
    told.clear()
    with tenant_scope(shop.id, read_only=True), collecting_reads() as reads:
        lists.get_page(product_list(shop), page())
        assert reads.valid_until(NOW) == NOW + timedelta(days=1)
    assert told == []
