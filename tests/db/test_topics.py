"""Topics from statements: what is read, what is written, and who is told around COMMIT."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, InternalError, OperationalError, connection, connections, models, transaction
from django.test.utils import isolate_apps

from catalog.models import Category, Collection, Listing, Product, ProductPublication, Stock
from commerce import outbox
from commerce.db import positions
from commerce.db.checks import check_tenant_models
from commerce.db.models import TenantModel
from commerce.db.rows import fetch
from commerce.db.scope import ScopeError, narrow, tenant_scope
from commerce.db.topics import (
    NOT_SHOWN,
    PLATFORM,
    Found,
    Topic,
    Topics,
    about,
    changed,
    clock_index,
    collecting_reads,
    declared,
    depend_on,
    on_changes,
    remove_handler,
    usage_of,
)
from commerce.db.topics.changes import MANY
from tenants.models import Channel, Domain, Tenant, User
from tests.factories import catalog as make
from tests.factories.rows import load_every_model, tenant_models
from tests.factories.tenants import platform

A, B = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"


class Recorder:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.changes: list[dict[int, frozenset[str]]] = []
        self.positions: list[positions.Position] = []
        self.failures: list[bool] = []

    def before_commit(self, changes, connection):
        self.changes.append(dict(changes))
        return len(self.changes) - 1

    def after_commit(self, token, position):
        assert token == len(self.changes) - 1
        self.positions.append(position)

    def after_failure(self, token, rolled_back):
        self.failures.append(rolled_back)


@contextmanager
def told(handler):
    on_changes(handler)
    try:
        yield handler
    finally:
        remove_handler(handler)


@pytest.fixture
def recorder():
    with told(Recorder()) as handler:
        yield handler


# --- Texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "read", "written"),
    [
        (
            "SELECT * FROM catalog_product p JOIN tenants_channel c ON true",
            {"catalog_product", "tenants_channel"},
            set(),
        ),
        ('SELECT "catalog_productvalue"."id" FROM "catalog_productvalue"', {"catalog_productvalue"}, set()),
        ("SELECT id FROM catalog_product ORDER BY id FOR UPDATE", {"catalog_product"}, set()),
        ("SELECT t.id FROM catalog_stock t FOR UPDATE OF t", {"catalog_stock"}, set()),
        ('INSERT INTO "catalog_media" ("id") VALUES (%s)', {"catalog_media"}, {"catalog_media"}),
        ("update only catalog_media SET alt = ''", {"catalog_media"}, {"catalog_media"}),
        ('DELETE FROM public."catalog_media" WHERE true', {"catalog_media"}, {"catalog_media"}),
        ("MERGE INTO catalog_stock s USING x ON true", {"catalog_stock"}, {"catalog_stock"}),
        (
            "WITH gone AS (DELETE FROM catalog_listing RETURNING *), new AS (\n INSERT INTO catalog_listingname AS n\n"
            " SELECT * FROM catalog_product ON CONFLICT DO UPDATE SET x = 1) SELECT 1",
            {"catalog_listing", "catalog_listingname", "catalog_product"},
            {"catalog_listing", "catalog_listingname"},
        ),
        ("DELETE FROM import_product s USING catalog_product t", {"catalog_product"}, set()),
        ("SELECT 1; UPDATE catalog_media SET alt = ''; COMMIT", {"catalog_media"}, {"catalog_media"}),
        ("SELECT updated_at FROM catalog_products", set(), set()),
    ],
)
def test_a_text_tells_the_tables_that_it_reads_and_writes(sql, read, written):
    usage = usage_of(sql)
    assert (usage.read, usage.written) == (read, written)


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("UPDATE catalog_media SET updated_at = %s", True),
        (" INSERT INTO catalog_media AS t VALUES (1) ON CONFLICT (id) DO UPDATE SET alt = ''", True),
        ("DELETE FROM catalog_media WHERE id IN (SELECT id FROM catalog_media FOR UPDATE)", True),
        ("WITH x AS (DELETE FROM catalog_media) INSERT INTO catalog_media VALUES (1)", False),
        ("UPDATE catalog_media SET alt = ''; UPDATE catalog_product SET name = ''", False),
        ("INSERT INTO catalog_media SELECT * FROM (DELETE FROM catalog_stock RETURNING *) x", False),
    ],
)
def test_a_text_tells_whether_the_rows_reported_are_those_written(sql, counts):
    assert usage_of(sql).counts == counts


def test_every_view_would_have_to_name_its_tables():
    """Texts name tables. A view would hide them: it must then be declared beside `usage_of`, and read here."""
    with tenant_scope(1, read_only=True), connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")
        # Whoever reads it names its table beside it (`catalog.search.query.HITS`).
        assert cursor.fetchall() == [("catalog_search",)]
        cursor.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1")
        assert {name for (name,) in cursor.fetchall()} == {"current_tenant", "raise_version", "release_file"}


# --- Declarations -------------------------------------------------------------------------------------------


def test_every_tenant_table_has_topics():
    assert check_tenant_models(None) == []
    assert all(
        declared()[model._meta.db_table].topics.are_shown or model.topics is NOT_SHOWN
        for model in tenant_models()
        if model._meta.db_table != "django_admin_log"
    )
    assert not declared()["django_admin_log"].topics.are_shown


@isolate_apps("catalog")
@pytest.mark.parametrize(
    ("topics", "complaint"),
    [
        (None, "commerce.E003"),
        (Topics(Topic("spy")), "commerce.E004"),
        (Topics(Topic("spy"), clock=("begins_at",)), "commerce.E005"),
        (Topics(Topic("spy"), timeless=("begins_at",)), None),
        (NOT_SHOWN, None),
    ],
)
def test_a_model_that_says_too_little_is_refused(topics, complaint, monkeypatch):
    fields = {"__module__": "catalog.models", "begins_at": models.DateTimeField()}
    spy = type("Spy", (TenantModel,), {**fields, **({} if topics is None else {"topics": topics})})
    monkeypatch.setattr("commerce.db.checks.apps.get_models", lambda: [spy])
    assert [message.id for message in check_tenant_models(None)] == ([complaint] if complaint else [])


@isolate_apps("catalog")
def test_an_index_of_the_clock_satisfies_the_check(monkeypatch):
    class Spy(TenantModel):
        topics = Topics(Topic("spy"), clock=("begins_at",))
        begins_at = models.DateTimeField()

        class Meta:
            app_label = "catalog"
            indexes = (clock_index("begins_at", name="spy_next"),)

    monkeypatch.setattr("commerce.db.checks.apps.get_models", lambda: [Spy])
    assert check_tenant_models(None) == []


# --- Reads --------------------------------------------------------------------------------------------------


def test_reads_of_any_kind_are_collected(tenant):
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as reads:
        assert reads.topics == set()
        fetch("SELECT id FROM tenants_channel")
        assert reads.topics == {"channel"}
        list(Product.objects.select_related("category").iterator())
        assert reads.topics == {"channel", "product", "category"}
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM catalog_media")
        Stock.objects.exists()
        assert reads.topics == {"channel", "product", "category", "pieces"}
        assert reads.storable
    with tenant_scope(tenant.id, read_only=True):
        Collection.objects.exists()
    assert "collection" not in reads.topics


def test_a_read_outside_of_collecting_is_nobodys(tenant):
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as outer:
        with collecting_reads() as inner:
            fetch("SELECT id FROM catalog_product")
        fetch("SELECT id FROM catalog_category")
    assert outer.topics == {"category"}
    assert inner.topics == {"product"}


@pytest.mark.parametrize(
    "read",
    [
        lambda: User.objects.exists(),
        lambda: Tenant.objects.exists(),
        lambda: fetch("SELECT id FROM outbox_event"),
        lambda: fetch("SELECT now()"),
        lambda: fetch("SELECT id FROM catalog_product WHERE created_at < CURRENT_TIMESTAMP"),
        lambda: fetch("SELECT id FROM catalog_product ORDER BY random()", about={"product": []}),
    ],
)
def test_what_is_not_for_shoppers_or_by_the_databases_clock_is_not_stored(tenant, read):
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as reads:
        read()
    assert not reads.storable


def test_an_answer_that_wrote_is_not_stored(tenant):
    with tenant_scope(tenant.id), collecting_reads() as reads:
        make.make_category()
    assert not reads.storable


def test_a_read_is_narrowed_to_the_objects_named(tenant):
    sql = "SELECT p.id, m.id FROM catalog_product p JOIN catalog_media m ON m.product_id = p.id"
    with tenant_scope(tenant.id, read_only=True):
        with collecting_reads() as reads:
            fetch(sql, about={"product": [A]})
        assert reads.topics == {f"product:{A}", "product:*"}
        with collecting_reads() as reads:
            fetch(sql, about={"category": [A]})
        assert reads.topics == {"product"}
        with collecting_reads() as reads:
            fetch(sql, about={"product": []})
        assert reads.topics == set()


def test_a_table_is_narrowed_by_the_first_of_its_topics_that_is_named(tenant):
    sql = "SELECT FROM catalog_listing, catalog_collectionproduct"
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as reads:
        fetch(sql, about={"listing": [A], "product": [B]})
    assert reads.topics == {f"listing:{A}", "listing:*", f"product:{B}", "product:*"}


def test_a_read_is_narrowed_to_what_its_rows_name(tenant):
    found = Found("product", 0, frozenset({"catalog_product"}))
    sql = f"SELECT * FROM (VALUES ('{A}'), (NULL), ('{B}')) x(id), (SELECT 1 FROM catalog_product, catalog_category) y"
    none = "SELECT id FROM catalog_product WHERE false"
    with tenant_scope(tenant.id):
        make.make_product(category=make.make_category())
    with tenant_scope(tenant.id, read_only=True):
        with collecting_reads() as reads:
            fetch(sql, found=found)
        assert reads.topics == {f"product:{A}", f"product:{B}", "product:*", "category"}
        with collecting_reads() as reads:
            fetch(none, found=found)
        assert reads.topics == set()
        with collecting_reads() as reads:
            fetch(none, found=found._replace(wanted=1))
        assert reads.topics == {"product"}
        with collecting_reads() as reads:
            fetch(none, about={"product": [A]}, found=found)
        assert reads.topics == {f"product:{A}", "product:*"}


def test_what_a_read_left_out_is_added_where_it_is_shown(tenant):
    depend_on("quantity", [A])  # nobody collects
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as reads:
        fetch("SELECT id FROM catalog_stock", about={"quantity": ()})
        assert reads.topics == set()
        depend_on("quantity", [A])
    assert reads.topics == {f"quantity:{A}", "quantity:*"}


# --- The clock ------------------------------------------------------------------------------------------------

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_an_answer_ends_at_the_next_start_or_end_of_what_was_read(tenant, other_tenant):
    for shop, days in ((tenant, 3), (other_tenant, 1)):
        with tenant_scope(shop.id):
            product = make.make_product()
            ProductPublication.objects.filter(product=product).update(published_at=NOW + timedelta(days))
            make.refresh(product)
            collection = make.make_collection()
            collection.publications.update(published_at=NOW + timedelta(days=5))
    with tenant_scope(tenant.id, read_only=True):
        with collecting_reads() as reads:
            fetch("SELECT id FROM catalog_product")
        assert reads.valid_until(NOW) is None
        with collecting_reads() as reads:
            fetch("SELECT FROM catalog_collectionpublication", about={"collection": [A]})
        assert reads.valid_until(NOW) == NOW + timedelta(days=5)
        fetch("SELECT 1")
        with collecting_reads() as reads:
            fetch("SELECT FROM catalog_listing l, catalog_collectionpublication c")
        topics = reads.topics
        assert reads.valid_until(NOW) == NOW + timedelta(days=3)
        assert reads.valid_until(NOW + timedelta(days=3)) == NOW + timedelta(days=5)
        assert reads.valid_until(NOW + timedelta(days=5)) is None
        assert reads.topics == topics
    with pytest.raises(ScopeError, match="inside the scope"):
        reads.valid_until(NOW)


def test_an_end_without_a_following_start_counts(tenant):
    with tenant_scope(tenant.id):
        make.make_product()
        Listing.objects.update(valid_to=NOW)
    with tenant_scope(tenant.id, read_only=True), collecting_reads() as reads:
        fetch("SELECT FROM catalog_listing")
        assert reads.valid_until(NOW - timedelta(days=1)) == NOW


def test_the_next_instant_is_one_statement_along_indexes(tenant, count_sql):
    with tenant_scope(tenant.id, read_only=True, along_indexes=True), collecting_reads() as reads:
        fetch("SELECT FROM catalog_listing l, catalog_collectionpublication c")
        with count_sql() as statements:
            plans = []

            def explain(execute, sql, params, many, context):
                with connection.connection.cursor() as cursor:
                    plans.append("\n".join(row[0] for row in cursor.execute(f"EXPLAIN {sql}", params)))
                return execute(sql, params, many, context)

            with connection.execute_wrapper(explain):
                reads.valid_until(NOW)
    assert len(statements) == len(plans) == 1
    for index in ("listing_next_start", "listing_next_end", "collection_next_start"):
        assert index in plans[0]
    assert "Sort" not in plans[0]


# --- Writes ---------------------------------------------------------------------------------------------------


def test_a_commit_is_told_with_its_topics_and_place(tenant, recorder):
    with tenant_scope(tenant.id):
        make.make_category()
        assert recorder.changes == []
    assert recorder.changes == [{tenant.id: {"category", "category:*"}}]
    assert recorder.positions == [positions.last_written()]
    assert recorder.failures == []


@pytest.mark.parametrize(
    "write",
    [
        lambda: Category.objects.update(name="x"),
        lambda: Category.objects.all().delete(),
        lambda: Category.objects.bulk_create([Category(name="x", slug="x")]),
        lambda: connection.cursor().execute("WITH x AS (UPDATE catalog_category SET level = 1) SELECT 1"),
        lambda: connection.cursor().executemany("UPDATE catalog_category SET level = %s", [(1,), (2,)]),
    ],
)
def test_a_write_of_any_kind_is_told(tenant, recorder, write):
    with tenant_scope(tenant.id):
        Category.objects.create(name="there", slug="there")
    recorder.changes.clear()
    with tenant_scope(tenant.id):
        write()
    assert [changes[tenant.id] & {"category", "category:*"} for changes in recorder.changes] == [
        {"category", "category:*"}
    ]


def test_what_is_not_written_is_not_told(tenant, recorder):
    with tenant_scope(tenant.id):
        Category.objects.update(name="of none")  # there are none
        list(Category.objects.select_for_update())
        outbox.publish("catalog.spy", object_kind="Spy", object_id=A, object_version=1)  # not for shoppers
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        make.make_category()
        raise ZeroDivisionError
    with tenant_scope(tenant.id, read_only=True):
        Category.objects.exists()
    with tenant_scope(tenant.id):
        make.make_category()
        transaction.set_rollback(True)
    assert (recorder.changes, recorder.positions, recorder.failures) == ([], [], [])
    with tenant_scope(tenant.id):
        make.make_collection(channels=[])  # what was rolled back is not told later
    assert recorder.changes == [{tenant.id: {"collection", "collection:*"}}]


def test_a_savepoint_that_was_undone_may_be_told(tenant, recorder):
    with tenant_scope(tenant.id):
        with pytest.raises(IntegrityError), transaction.atomic():
            Category.objects.create(name="x", slug="x")
            Category.objects.create(name="x", slug="x")
        assert Category.objects.count() == 0
    assert recorder.changes == [{tenant.id: {"category", "category:*"}}]


def test_writes_are_narrowed_to_the_objects_named(tenant, recorder):
    with tenant_scope(tenant.id), about("category", [A, B]):
        make.make_category()
        make.make_collection(channels=[])
    with tenant_scope(tenant.id), about("category", [A]), about("category", [B]):
        make.make_category()
    with tenant_scope(tenant.id):
        with about("category", [A]):
            make.make_category()
        make.make_category()
    with tenant_scope(tenant.id), about("category", ()):
        make.make_category()
    with tenant_scope(tenant.id):
        with about("category", ()):
            make.make_category()
        changed("category", [A])
        changed("listing")
        changed("product", ())
    assert [changes[tenant.id] for changes in recorder.changes] == [
        {"category", f"category:{A}", f"category:{B}", "collection", "collection:*"},
        {"category", f"category:{B}"},
        {"category", "category:*"},
        {"category", f"category:{A}", "listing", "listing:*"},
    ]


def test_too_many_objects_are_not_told_one_by_one(tenant, recorder):
    for count in (MANY, MANY + 1):
        with tenant_scope(tenant.id):
            for number in range(count):
                changed("product", [number])
                changed("product", [number])
    few, many = (changes[tenant.id] for changes in recorder.changes)
    assert (len(few), many) == (MANY + 1, {"product", "product:*"})


def test_two_tenants_in_one_transaction_are_told_apart(tenant, other_tenant, recorder):
    with platform():
        with narrow(tenant.id):
            make.make_category()
        with narrow(other_tenant.id):
            Channel.objects.update(name="renamed")
    assert recorder.changes == [
        {tenant.id: {"category", "category:*"}, other_tenant.id: {"channel", "channel:*"}},
    ]


def test_platform_tables_are_of_the_pseudo_tenant(tenant, recorder):
    with platform():
        Tenant.objects.filter(id=tenant.id).update(name="Renamed")
    with platform():
        Domain.objects.create(tenant_id=tenant.id, host=f"more.{tenant.host}")
    assert recorder.changes == [{PLATFORM: {"hosts", "hosts:*"}}] * 2


def test_rows_of_tenants_are_not_written_without_naming_one(tenant, recorder):
    with tenant_scope(tenant.id):
        make.make_category()
    with pytest.raises(ScopeError, match="narrow to one tenant"), platform():
        Category.objects.filter(tenant_id=tenant.id).update(name="Renamed")
    with pytest.raises(ScopeError, match="narrow to one tenant"), connections["platform"].cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET name = 'Renamed' WHERE tenant_id = %s", [tenant.id])
    with tenant_scope(tenant.id):
        assert not Category.objects.filter(name="Renamed").exists()


def test_a_statement_outside_of_any_transaction_is_told(tenant, recorder):
    with connections["platform"].cursor() as cursor:
        cursor.execute("UPDATE tenants_tenant SET name = 'Renamed' WHERE id = %s RETURNING name", [tenant.id])
        assert cursor.fetchall() == [("Renamed",)]
    assert (recorder.changes, len(recorder.positions)) == ([{PLATFORM: {"hosts", "hosts:*"}}], 1)


def test_a_shops_every_table_yields_its_kinds_when_written_by_anybody(tenant, recorder):
    load_every_model(tenant)
    for model in tenant_models():
        recorder.changes.clear()
        table = model._meta.db_table
        column = next(field.column for field in model._meta.local_concrete_fields if field.column != "tenant_id")
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{table}" SET "{column}" = "{column}"')
            assert cursor.rowcount > 0, table
        kinds = declared()[table].topics.kinds
        expected = [{tenant.id: {name for kind in kinds for name in (kind, f"{kind}:*")}}] if kinds else []
        assert recorder.changes == expected, table


# --- Handlers ---------------------------------------------------------------------------------------------------


def test_a_handler_may_refuse_a_commit(tenant, recorder):
    class Refusing(Recorder):
        def before_commit(self, changes, connection):
            raise ZeroDivisionError

    with told(Refusing()) as refusing, pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        make.make_category(slug="refused")
    assert (recorder.failures, recorder.positions, refusing.failures) == ([True], [], [])
    with tenant_scope(tenant.id):  # the connection is whole
        assert not Category.objects.filter(slug="refused").exists()
        make.make_category()
    assert len(recorder.positions) == 1


def test_a_handler_that_fails_afterwards_breaks_nothing(tenant, recorder, caplog):
    class Failing(Recorder):
        def after_commit(self, token, position):
            raise ZeroDivisionError

        after_failure = after_commit

    with told(Failing()), tenant_scope(tenant.id):
        make.make_category(slug="kept")
    assert "handler of committed changes failed" in caplog.text
    with tenant_scope(tenant.id):
        assert Category.objects.filter(slug="kept").exists()
    assert len(recorder.positions) == 1


def test_a_handler_writes_in_the_transaction_that_it_is_told_of(tenant, recorder):
    class Writing(Recorder):
        def before_commit(self, changes, connection):
            with connection.cursor() as cursor:
                cursor.execute("UPDATE catalog_category SET name = 'by the handler'")
            return super().before_commit(changes, connection)

    with told(Writing()), tenant_scope(tenant.id):
        category = make.make_category()
    with tenant_scope(tenant.id):
        category.refresh_from_db()
    assert category.name == "by the handler"
    assert len(recorder.changes) == 1


def test_a_handler_that_breaks_the_transaction_does_not_commit_it(tenant, recorder):
    class Breaking(Recorder):
        def before_commit(self, changes, connection):
            try:
                connection.connection.execute("SELECT 1 / 0")
            except Exception:
                return super().before_commit(changes, connection)

    with told(Breaking()) as breaking, pytest.raises(InternalError, match="aborted"), tenant_scope(tenant.id):
        make.make_category(slug="aborted")
    assert (recorder.failures, breaking.failures) == ([True], [True])
    with tenant_scope(tenant.id):
        assert not Category.objects.filter(slug="aborted").exists()


def test_a_commit_that_a_constraint_refuses_is_told_as_rolled_back(tenant, recorder):
    with pytest.raises(IntegrityError), tenant_scope(tenant.id):
        Category.objects.create(name="x", slug="x", parent_id=A)
    assert (len(recorder.changes), recorder.positions, recorder.failures) == (1, [], [True])


def test_a_commit_whose_outcome_nobody_knows_is_not_told_as_rolled_back(tenant, recorder):
    class Killing(Recorder):
        def before_commit(self, changes, connection):
            connection.connection.pgconn.finish()
            return super().before_commit(changes, connection)

    with told(Killing()), pytest.raises(OperationalError), tenant_scope(tenant.id):
        make.make_category()
    assert (recorder.positions, recorder.failures) == ([], [False])
