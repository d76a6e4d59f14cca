"""Searching for products at `/graphql/`: what is found, in which order, and how documents follow the catalogue."""

import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, Product, ProductPublication, SearchDocument, SearchWord, Translation, Variant
from catalog.models.search import NEVER
from catalog.search import documents, pending, query, status
from catalog.search.tasks import write_documents
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tenants.models import Channel
from tests.catalog import import_kit
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, open_shop

SEARCH = """query(
  $search: String, $first: Int = 100, $after: String, $last: Int, $before: String, $filter: ProductFilterInput,
  $sortBy: ProductOrder, $channel: String = "default-channel"
) { products(
  search: $search, first: $first, after: $after, last: $last, before: $before, filter: $filter, sortBy: $sortBy,
  channel: $channel
) { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { name } } } }"""


@pytest.fixture
def hits(graphql):
    """Return a function that lists the names of what a search finds, in order."""

    def found(shop, search, **variables):
        answer = graphql(shop, SEARCH, search=search, **variables)
        assert "errors" not in answer, answer
        products = answer["data"]["products"]
        assert products["totalCount"] == len(products["edges"])
        return [edge["node"]["name"] for edge in products["edges"]]

    return found


def offer(name, **fields):
    """Make a product of which nothing but the name has words."""
    stock, price = fields.pop("stock", 5), fields.pop("price", 1000)
    made = make.make_product(name, variants=0, **{"description": None, **fields})
    make.make_variant(made, name="", stock=stock, price=price)
    return made


def settle(shop):
    """Wait until what is due is written, by the stack's worker or here; of all products where nobody told of them."""
    while True:
        with tenant_scope(shop.id):
            pending.write_some()
            if not pending.count():
                return
        time.sleep(0.01)


def learn(shop):
    """Have the words of all products known, as if each had been saved by an operation."""
    with tenant_scope(shop.id):
        pending.write_all()
    settle(shop)


def save(shop, instance):
    with tenant_scope(shop.id):
        operations.save(instance, now=timezone.now())


def languages(shop, *codes):
    with tenant_scope(shop.id):
        Channel.objects.update(languages=list(codes))


# --- What is found --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def electronics():
    shop = open_shop()
    with tenant_scope(shop.id):
        brand = make.make_attribute("Brand", slug="brand", values=["Acme", "Globex"])
        touch = make.make_attribute("Touchscreen", slug="touch", input_type=Attribute.InputType.BOOLEAN)
        kind = make.make_product_type("Device", attributes=[brand, touch])
        acme, globex = brand.values.order_by("position")
        mice = make.make_category("Mice", parent=make.make_category("Peripherals"))
        common = {"product_type": kind, "description": None}
        make.make_product("Wireless keyboard", values=[acme], **common)
        make.make_product("Optical mouse", values=[globex], category=mice, **common)
        make.make_product("Café crème machine", values=[globex], **common)
        make.make_product("Monitor 15,6 inch", values=[acme, make.make_value(touch, True)], **common)
        cable = make.make_product("Cable", values=[globex], variants=0, **common)
        make.make_variant(cable, sku="CB-436/A", gtin="0884420588030")
        make.make_product("Cable for part CB436A", values=[globex], **common)
        make.make_product("緑茶の缶", values=[globex], **common)
        make.make_product("กล้องถ่ายรูป", values=[globex], **common)
    learn(shop)
    return shop


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("keyboards", ["Wireless keyboard"]),  # the stem
        ("the keyboard", ["Wireless keyboard"]),  # a stop word
        ("CAFE", ["Café crème machine"]),
        ("créme", ["Café crème machine"]),
        ("acme", ["Wireless keyboard", "Monitor 15,6 inch"]),  # a value
        ("mice", ["Optical mouse"]),  # its category
        ("peripherals", ["Optical mouse"]),  # the one above
        ("touchscreen", ["Monitor 15,6 inch"]),
        ('15.6"', ["Monitor 15,6 inch"]),
        ("cb436a", ["Cable", "Cable for part CB436A"]),  # the part number itself comes first
        ("CB 436 A", ["Cable", "Cable for part CB436A"]),
        ("cb43", ["Cable"]),
        ("0884420588030", ["Cable"]),
        ("884420588030", ["Cable"]),
        ("088442", ["Cable"]),
        ("緑茶", ["緑茶の缶"]),
        ("缶", ["緑茶の缶"]),
        ("ถ่ายรูป", ["กล้องถ่ายรูป"]),
        ("wireless mouse", ["Optical mouse", "Wireless keyboard"]),  # none has both
        ("acme keyboard", ["Wireless keyboard"]),
        ("zzzzzz", []),
        ("!!!", []),
        ("it", []),
    ],
)
def test_a_search_finds(hits, electronics, search, found):
    assert sorted(hits(electronics, search)) == sorted(found)
    if search.lower().startswith("cb"):
        assert hits(electronics, search) == found


@pytest.mark.parametrize(
    "typed", ["keybord", "keybaord", "kyboard", "kebyord", "wirelss", "wierless", "wireles keybord"]
)
def test_typing_errors_are_forgiven(hits, electronics, typed):
    assert hits(electronics, typed) == ["Wireless keyboard"]


@pytest.mark.parametrize("typed", ["mosue", "moues", "mous"])
def test_short_words_may_have_one_error(hits, electronics, typed):
    assert hits(electronics, typed) == ["Optical mouse"]


@pytest.mark.parametrize("typed", ["moose", "acmy"])
def test_what_is_one_letter_off_is_found_whatever_it_is(hits, electronics, typed):
    assert hits(electronics, typed)


@pytest.mark.parametrize("typed", ["mxxxe", "kxxboxxd", "cbb436a"])
def test_more_errors_and_errors_in_part_numbers_are_not_forgiven(hits, electronics, typed):
    assert hits(electronics, typed) == []


def test_words_are_those_of_the_language_of_the_channel(hits, tenant):
    languages(tenant, "nl", "en")
    with tenant_scope(tenant.id):
        chair = offer("Chairs of oak", description=None)
        make.make_translation(chair, "nl", name="Eiken stoelen")
        offer("Lamp", description=None)
    assert hits(tenant, "stoel") == ["Chairs of oak"]
    assert hits(tenant, "chair") == []
    assert hits(tenant, "lampen") == ["Lamp"], "what has no translation is found by its own words"
    with tenant_scope(tenant.id):
        assert set(SearchDocument.objects.values_list("language", flat=True)) == {"nl", "en"}


def test_a_language_without_a_dictionary_is_searched_word_by_word(hits, tenant):
    languages(tenant, "pl")
    with tenant_scope(tenant.id):
        offer("Krzesło dębowe", description=None)
    assert hits(tenant, "krzeslo") == ["Krzesło dębowe"]
    assert hits(tenant, "krzesłami") == []


@pytest.mark.parametrize(
    "search", ["'; DROP TABLE catalog_product; --", "a & b | !c <-> d:*", "\\", "'x':A", "x" * 5000]
)
def test_what_means_something_to_the_database_is_only_words(graphql, electronics, search):
    answer = graphql(electronics, SEARCH, search=search)
    assert "errors" not in answer
    assert answer["data"]["products"]["totalCount"] < 8


# --- In which order -------------------------------------------------------------------------------------


def test_the_name_counts_more_than_values_and_these_more_than_the_description(hits, tenant):
    with tenant_scope(tenant.id):
        material = make.make_attribute("Material", slug="material", values=["Walnut"])
        kind = make.make_product_type("Kind", attributes=[material])
        value = material.values.get()
        offer("Plain table", product_type=kind, description=make.editorjs("Not of walnut."))
        offer("Fine table", product_type=kind, description=None, values=[value])
        offer("Walnut table", product_type=kind, description=None)
    assert hits(tenant, "walnut") == ["Walnut table", "Fine table", "Plain table"]


def test_what_is_sold_out_comes_last(hits, tenant):
    with tenant_scope(tenant.id):
        gone = offer("Lamp lamp", stock=0)
        offer("Something with a lamp", stock=3)
    assert hits(tenant, "lamp") == ["Something with a lamp", "Lamp lamp"]
    with tenant_scope(tenant.id):
        stock = gone.variants.get().stocks.get()
        stock.on_hand = 1
        operations.save(stock, now=timezone.now())
    assert hits(tenant, "lamp") == ["Lamp lamp", "Something with a lamp"], "the stock is that of now"


@pytest.mark.parametrize("most", [1000, 8])
def test_what_is_sold_out_comes_last_of_all_hits_however_many(graphql, tenant, monkeypatch, most):
    monkeypatch.setattr(query, "MOST_RANKED", most)
    monkeypatch.setattr(query, "_GUESSED_AT", 1)
    with tenant_scope(tenant.id):
        kind = make.make_product_type()
        for number in range(50):
            offer(f"Lamp {number}", stock=number % 3, product_type=kind)
        assert bool(query.make_search("lamp", "en").level) == (most == 8)
    for size in (1, 2, 4, 30):
        for backwards in (False, True):
            found = walk(graphql, tenant, "lamp", size, backwards=backwards)
            free = [int(name.removeprefix("Lamp ")) % 3 > 0 for name in found]
            assert len(set(found)) == 50
            assert free == sorted(free, reverse=True)


def test_another_order_may_be_asked_for(hits, tenant):
    with tenant_scope(tenant.id):
        offer("Red lamp", price=3000)
        offer("Lamp", price=1000)
        offer("Green lamp", price=2000)
        offer("Chair", price=10)
    assert hits(tenant, "lamp", sortBy={"field": "PRICE", "direction": "DESC"}) == ["Red lamp", "Green lamp", "Lamp"]
    best = hits(tenant, "lamp")
    assert best[0] == "Lamp"
    assert hits(tenant, "lamp", sortBy={"field": "RANK", "direction": "DESC"}) == best
    assert hits(tenant, "lamp", sortBy={"field": "RANK", "direction": "ASC"}) == best[::-1]


def test_a_search_is_narrowed_by_filters(hits, tenant):
    with tenant_scope(tenant.id):
        lamps = make.make_category("Light")
        offer("Red lamp", price=3000, category=lamps)
        offer("Blue lamp", price=1000)
        offer("Red chair", price=1000, category=lamps)
    category = to_global_id("Category", lamps.id)
    assert hits(tenant, "lamp", filter={"categories": [category]}) == ["Red lamp"]
    assert hits(tenant, "lamp", filter={"minimalPrice": {"lte": 10}}) == ["Blue lamp"]
    assert hits(tenant, "red", filter={"search": "lamp"}) == ["Red lamp"]


def walk(graphql, shop, search, size, *, backwards=False):
    """Return the names of all hits, read page by page."""
    found, cursor = [], None
    while True:
        window = {"last": size, "before": cursor, "first": None} if backwards else {"first": size, "after": cursor}
        answer = graphql(shop, SEARCH, search=search, **window)
        page = answer["data"]["products"]
        names = [edge["node"]["name"] for edge in page["edges"]]
        found = [*names, *found] if backwards else [*found, *names]
        if not page["pageInfo"]["hasPreviousPage" if backwards else "hasNextPage"]:
            return found
        cursor = page["pageInfo"]["startCursor" if backwards else "endCursor"]


@pytest.mark.parametrize("most", [1000, 8])
def test_pages_give_every_hit_once_in_both_directions(graphql, tenant, monkeypatch, most):
    """With `most` of 8 there are more hits than are ranked at once: a sample comes first, then the others."""
    monkeypatch.setattr(query, "MOST_RANKED", most)
    monkeypatch.setattr(query, "_GUESSED_AT", 1)
    with tenant_scope(tenant.id):
        for number in range(40):
            offer(f"Lamp {number}", stock=number % 4)
        search = query.make_search("lamp", "en")
        assert bool(search.level) == (most == 8)
    forwards = walk(graphql, tenant, "lamp", 7)
    assert sorted(forwards) == sorted(f"Lamp {number}" for number in range(40))
    assert walk(graphql, tenant, "lamp", 7, backwards=True) == forwards
    assert walk(graphql, tenant, "lamp", 100) == forwards


# --- Documents follow -----------------------------------------------------------------------------------


def test_a_change_is_found_at_once(hits, tenant):
    with tenant_scope(tenant.id):
        product = offer("Lamp")
    assert hits(tenant, "lamp") == ["Lamp"]
    product.name = "Chair"
    save(tenant, product)
    assert hits(tenant, "lamp") == []
    assert hits(tenant, "chair") == ["Chair"]
    with tenant_scope(tenant.id):
        variant = Variant.objects.get(product=product)
        variant.sku = "ZX-9000"
        operations.save(variant, now=timezone.now())
    assert hits(tenant, "zx9000") == ["Chair"]


def test_translations_are_followed(hits, tenant):
    languages(tenant, "nl")
    with tenant_scope(tenant.id):
        product = offer("Lamp", description=None)
        words = Translation(object_kind="Product", object_id=product.id, language="nl", name="Schemerlicht")
        operations.save(words, now=timezone.now())
    assert hits(tenant, "schemerlicht") == ["Lamp"]
    with tenant_scope(tenant.id):
        operations.delete(words, now=timezone.now())
    assert hits(tenant, "schemerlicht") == []


def test_what_is_deleted_or_not_published_is_not_found(hits, tenant):
    with tenant_scope(tenant.id):
        deleted, hidden = offer("Lamp one"), offer("Lamp two")
        offer("Lamp three")
        publication = ProductPublication.objects.get(product=hidden)
        publication.is_published = False
        operations.save(publication, now=timezone.now())
        operations.delete(deleted, now=timezone.now())
    assert hits(tenant, "lamp") == ["Lamp three"]
    with tenant_scope(tenant.id):
        assert SearchDocument.objects.count() == 2, "documents do not depend on what is shown, and go with the product"


def test_a_product_is_found_from_the_instant_of_its_publication_on(tenant):
    from catalog.queries.lists import ProductList, get_page
    from commerce.graphql.paging import PageRequest
    from tenants.queries import list_channel_rows

    now = timezone.now()
    with tenant_scope(tenant.id):
        product = offer("Lamp")
        publication = ProductPublication.objects.get(product=product)
        publication.published_at = now + timedelta(days=1)
        operations.save(publication, now=now)

    def found(at):
        with tenant_scope(tenant.id, read_only=True):
            channel = list_channel_rows()[0]
            search = query.make_search("lamp", "en")
            wanted = ProductList(channel=channel, now=at, order="RELEVANCE", descending=True, search=search)
            return len(get_page(wanted, PageRequest(10)).rows)

    assert (found(now), found(now + timedelta(days=2))) == (0, 1)


def test_words_that_many_products_share_are_followed_by_a_worker(hits, tenant):
    with tenant_scope(tenant.id):
        root = make.make_category("Furniture")
        colour = make.make_attribute("Colour", slug="colour", values=["Red"])
        kind = make.make_product_type("Kind", attributes=[colour])
        red = colour.values.get()
        below = make.make_category("Seats", parent=root)
        offer("Chair", category=below, product_type=kind, values=[red])
    assert hits(tenant, "furniture") == ["Chair"]
    root.name, red.name = "Meubilair", "Scarlet"
    save(tenant, root)
    save(tenant, red)
    settle(tenant)
    assert hits(tenant, "meubilair") == ["Chair"]
    assert hits(tenant, "furniture") == []
    assert hits(tenant, "scarlet") == ["Chair"]
    with tenant_scope(tenant.id):
        operations.delete(red, now=timezone.now())
    settle(tenant)
    assert hits(tenant, "scarlet") == []


def test_many_products_at_once_are_written_by_a_worker(hits, tenant):
    with tenant_scope(tenant.id):
        products = [offer(f"Lamp {number}") for number in range(pending.AT_ONCE + 1)]
        Product.objects.update(name="Chair")
        pending.products_changed([product.id for product in products])
        assert pending.count() == len(products)
        assert set(SearchWord.objects.values_list("word", flat=True)) == set()
    settle(tenant)
    assert len(hits(tenant, "chair")) == len(products)
    assert hits(tenant, "lamp") == []
    with tenant_scope(tenant.id):
        assert "chair" in SearchWord.objects.values_list("word", flat=True)


def test_one_worker_at_a_time_writes_a_tenants_words(tenant):
    with connections["platform"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('catalog.search', %s))", [tenant.id])
        with tenant_scope(tenant.id):
            pending.add("Product", [offer("Lamp").id])
        with tenant_scope(tenant.id):
            assert pending.write_some() is None
            assert pending.count() == 1
        cursor.execute("ROLLBACK")
    settle(tenant)
    with tenant_scope(tenant.id):
        assert SearchWord.objects.exists()


def test_of_two_writers_the_later_one_sees_what_the_earlier_one_changed(hits, tenant):
    with tenant_scope(tenant.id):
        product = offer("Lamp")
    begun = threading.Event()

    def write():
        with tenant_scope(tenant.id):
            begun.set()
            documents.write_documents([product.id])
        connections.close_all()

    other = threading.Thread(target=write)
    with tenant_scope(tenant.id):
        Product.objects.filter(id=product.id).update(name="Chair")
        other.start()
        begun.wait()
        other.join(0.5)
        assert other.is_alive(), "it waits for the product"
    other.join()
    assert hits(tenant, "chair") == ["Chair"]


def test_writing_what_is_written_changes_nothing(tenant):
    with tenant_scope(tenant.id):
        product = offer("Lamp")
        before = SearchDocument.objects.extra(select={"at": "xmin::text"}).values_list("at", flat=True)[0]
        documents.write_documents([product.id])
        assert SearchDocument.objects.extra(select={"at": "xmin::text"}).values_list("at", flat=True)[0] == before


def test_an_import_has_the_documents_follow_that_it_has_new_words_for(hits, tenant, tmp_path):
    def told():
        return import_kit.fetch(tenant, "SELECT count(*) FROM outbox_event WHERE type = 'search.due'")[0][0]

    def load(**changes):
        rows = [{**import_kit.ROWS[0], **changes}, *import_kit.ROWS[1:]]
        assert import_kit.run(tenant, import_kit.write_csv(tmp_path / "products.csv", rows)).code == 0

    load()
    assert told() == 1
    load(price="77.00", stock="3")
    assert told() == 1, "prices and stock have no words"
    load(name="Completely other")
    assert told() == 2
    settle(tenant)
    assert hits(tenant, "completely other") == ["Completely other"]


def test_a_rebuild_finds_what_was_never_told_and_forgets_words_that_are_gone(hits, tenant):
    with tenant_scope(tenant.id):
        offer("Lampshade")
    learn(tenant)
    with tenant_scope(tenant.id):
        Product.objects.update(name="Bookshelf")  # past all operations
    assert hits(tenant, "bookshelf") == []
    out = StringIO()
    call_command("search", "rebuild", tenant=tenant.slug, stdout=out, stderr=StringIO())
    assert hits(tenant, "bookshelf") == ["Bookshelf"]
    assert "en: 1 of 1 products" in out.getvalue()
    assert "0 changes are waiting" in out.getvalue()
    with tenant_scope(tenant.id):
        words = set(SearchWord.objects.values_list("word", flat=True))
        assert "bookshelf" in words
        assert "lampshade" not in words
        assert status.read_status().languages[0].words == len(words)


def work(shop):
    """Do what a worker does, until nothing is left, and return how many documents words are in."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        write_documents.apply(kwargs={"tenant_id": shop.id}).get()
        with tenant_scope(shop.id):
            if not pending.count() and not SearchWord.objects.filter(counted_at=NEVER).exists():
                return dict(SearchWord.objects.values_list("word", "documents"))
        time.sleep(0.05)  # another worker is at it
    raise TimeoutError


def test_words_are_counted_as_documents_change(tenant):
    """What documents were written with is counted at once, what may have gone from them a day later."""
    with tenant_scope(tenant.id):
        first = offer("Red lamp")
        offer("Blue lamp")
        offer("Red chair")
    learn(tenant)
    kind = {"shirt": 3}
    assert work(tenant) == {"red": 2, "blue": 1, "lamp": 2, "chair": 1, **kind}
    with tenant_scope(tenant.id):
        product = offer("Blue lamp of glass")
        pending.products_changed([product.id])
    kind = {"shirt": 4}
    assert work(tenant) == {"red": 2, "blue": 2, "lamp": 3, "chair": 1, "glass": 1, **kind}
    with tenant_scope(tenant.id):
        first = Product.objects.get(id=first.id)
        first.name = "Green lamp"
    save(tenant, first)
    assert work(tenant) == {"red": 2, "blue": 2, "lamp": 3, "chair": 1, "glass": 1, "green": 1, **kind}
    with tenant_scope(tenant.id):
        assert status.recount_due(timezone.now()) == 0
        assert status.recount_due(timezone.now() + timedelta(days=2)) == 7
    assert work(tenant) == {"red": 1, "blue": 2, "lamp": 3, "chair": 1, "glass": 1, "green": 1, **kind}


def test_counting_what_is_known_outdates_no_search(hits, tenant):
    with tenant_scope(tenant.id):
        offer("Lamp")
    learn(tenant)
    assert work(tenant) == {"lamp": 1, "shirt": 1}
    assert hits(tenant, "lamp") == ["Lamp"]
    with tenant_scope(tenant.id):
        assert status.recount_due(timezone.now() + timedelta(days=2)) == 2
    with connections["default"].execute_wrapper(fail), connections["replica"].execute_wrapper(fail):
        assert hits(tenant, "lamp") == ["Lamp"], "kept all the same"
    with tenant_scope(tenant.id):
        SearchWord.objects.update(documents=7)
        assert status.recount_due(timezone.now() + timedelta(days=4)) == 2
    assert work(tenant) == {"lamp": 1, "shirt": 1}


def fail(execute, sql, params, many, context):
    raise AssertionError(f"asks the database: {sql}")


def test_another_language_of_a_channel_is_written_too(hits, tenant):
    with tenant_scope(tenant.id):
        offer("Lamp")
        make_channel(slug="de", currency="EUR", languages=["de"])
    learn(tenant)
    with tenant_scope(tenant.id):
        assert set(SearchDocument.objects.values_list("language", flat=True)) == {"en", "de"}


def test_shops_find_nothing_of_each_other(hits, tenant, other_tenant):
    for shop, name in ((tenant, "Oak table"), (other_tenant, "Oak chair")):
        with tenant_scope(shop.id):
            offer(name)
        learn(shop)
    assert hits(tenant, "oak") == ["Oak table"]
    assert hits(other_tenant, "oak") == ["Oak chair"]
    assert hits(tenant, "chiar") == [], "nor what they may have meant"
