import threading

import pytest
from django.db import IntegrityError, InternalError, connection, connections, models, transaction

from catalog.models import Category, Product
from commerce.db.scope import Scope, ScopeError, current_scope, current_tenant_id, narrow, open_scope, tenant_scope
from tenants.models import Channel, Domain, Tenant
from tests.factories.catalog import make_category
from tests.factories.tenants import platform


def visible() -> set[int]:
    """Return the tenants whose channels raw SQL sees now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM tenants_channel")
        return {row[0] for row in cursor.fetchall()}


def setting(alias: str = "default") -> str | None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant_id', true)")
        return cursor.fetchone()[0]


def count_categories(shop) -> int:
    with tenant_scope(shop.id, read_only=True):
        return Category.objects.count()


# --- Opening and leaving --------------------------------------------------------------------------


def test_a_scope_sees_its_tenant_and_nothing_is_seen_around_it(tenant, other_tenant):
    assert visible() == set()
    with tenant_scope(tenant.id):
        assert visible() == {tenant.id}
        assert current_tenant_id() == tenant.id
    assert visible() == set()
    with tenant_scope(other_tenant.id):
        assert visible() == {other_tenant.id}
    assert current_scope() is None


def test_rows_get_the_scopes_tenant(tenant):
    with tenant_scope(tenant.id):
        assert make_category().tenant_id == tenant.id


def test_a_row_built_outside_a_scope_gets_the_tenant_of_the_scope_that_saves_it(tenant):
    category = Category(name="Hats", slug="hats")
    with tenant_scope(tenant.id):
        category.save(force_insert=True)
    assert category.tenant_id == tenant.id


def test_a_row_loaded_from_one_tenant_is_not_saved_into_another(tenant, other_tenant):
    with tenant_scope(tenant.id):
        category = make_category()
    with pytest.raises(Exception, match="row-level security"), tenant_scope(other_tenant.id):
        category.save(force_insert=True)
    with pytest.raises(Exception, match="did not affect any rows"), tenant_scope(other_tenant.id):
        category.save(force_update=True)
    assert count_categories(other_tenant) == 0


def test_an_exception_undoes_everything_in_the_scope(tenant):
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        make_category()
        raise ZeroDivisionError
    assert current_scope() is None
    assert count_categories(tenant) == 0


def test_a_swallowed_error_of_the_database_is_not_taken_for_a_commit(tenant):
    with pytest.raises((InternalError, transaction.TransactionManagementError)), tenant_scope(tenant.id):
        make_category()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        except Exception:
            pass
    assert count_categories(tenant) == 0


def test_a_scope_needs_a_number(tenant):
    with pytest.raises(ValueError, match="invalid literal"), tenant_scope("1; DROP TABLE x"):
        pass


# --- Nesting ----------------------------------------------------------------------------------------


def test_another_tenants_scope_inside_raises_and_the_outer_one_goes_on(tenant, other_tenant):
    with tenant_scope(tenant.id):
        make_category()
        with pytest.raises(ScopeError, match="inside one of tenant"), tenant_scope(other_tenant.id):
            pass
        assert visible() == {tenant.id}
    assert count_categories(tenant) == 1


def test_the_same_tenants_scope_inside_is_a_savepoint(tenant):
    with tenant_scope(tenant.id):
        make_category("Kept")
        with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
            make_category("Lost")
            raise ZeroDivisionError
        assert visible() == {tenant.id}
        make_category("Kept too")
    with tenant_scope(tenant.id):
        assert set(Category.objects.values_list("name", flat=True)) == {"Kept", "Kept too"}


def test_an_error_of_the_database_in_a_scope_inside_leaves_the_outer_one_usable(tenant):
    with tenant_scope(tenant.id):
        make_category(slug="taken")
        with pytest.raises(IntegrityError), tenant_scope(tenant.id):
            make_category(slug="taken")
        assert Category.objects.count() == 1


def test_a_writing_scope_inside_a_reading_one_raises(tenant):
    with (
        tenant_scope(tenant.id, read_only=True),
        pytest.raises(ScopeError, match="writing scope"),
        tenant_scope(tenant.id),
    ):
        pass


def test_a_reading_scope_inside_a_writing_one_sees_what_was_written(tenant):
    with tenant_scope(tenant.id):
        make_category()
        with tenant_scope(tenant.id, read_only=True):
            assert Category.objects.count() == 1


def test_a_scope_inside_a_transaction_without_a_tenant_raises(tenant):
    with transaction.atomic(), pytest.raises(ScopeError, match="without a tenant"), tenant_scope(tenant.id):
        pass


def test_a_durable_transaction_inside_a_scope_is_refused(tenant):
    with tenant_scope(tenant.id), pytest.raises(RuntimeError, match="durable"), transaction.atomic(durable=True):
        pass


# --- Reading ----------------------------------------------------------------------------------------


def test_postgresql_refuses_a_write_in_a_reading_scope(tenant):
    with pytest.raises(Exception, match="read-only transaction") as caught, tenant_scope(tenant.id, read_only=True):
        make_category()
    assert caught.value.__cause__.sqlstate == "25006"


def test_a_reading_scope_is_one_snapshot(tenant):
    def write():
        with tenant_scope(tenant.id):
            make_category()
        connections.close_all()

    with tenant_scope(tenant.id, read_only=True):
        assert Category.objects.count() == 0
        _in_thread(write)
        assert Category.objects.count() == 0
    assert count_categories(tenant) == 1


# --- After the commit ---------------------------------------------------------------------------------


def test_callbacks_on_commit_have_no_tenant_and_may_open_a_scope_of_any(tenant, other_tenant):
    seen = []

    def look():
        seen.append((current_scope(), visible()))
        with pytest.raises(ScopeError):
            Category.objects.count()
        with transaction.atomic():
            seen.append(visible())
        with tenant_scope(other_tenant.id):
            seen.append(visible())

    with tenant_scope(tenant.id):
        make_category()
        transaction.on_commit(look)
        transaction.on_commit(look)
    assert seen == [(None, set()), set(), {other_tenant.id}] * 2
    assert current_scope() is None


def test_callbacks_of_a_scope_inside_wait_for_the_outer_commit(tenant):
    seen = []
    with tenant_scope(tenant.id):
        with tenant_scope(tenant.id):
            transaction.on_commit(lambda: seen.append(current_scope()))
        assert seen == []
        assert current_tenant_id() == tenant.id
    assert seen == [None]


def test_callbacks_do_not_run_after_a_rollback(tenant):
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        transaction.on_commit(lambda: pytest.fail("ran"))
        raise ZeroDivisionError


def test_a_callback_that_fails_leaves_no_scope_behind(tenant):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        make_category()
        transaction.on_commit(fail)
    assert current_scope() is None
    assert visible() == set()
    assert count_categories(tenant) == 1


# --- Outside: the guard of the ORM ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        lambda: Product.objects.count(),
        lambda: Product.objects.filter(variants__prices__price=1).exists(),
        lambda: list(Product.objects.none() | Product.objects.all()),
        lambda: Product.objects.aggregate(models.Max("version")),
        lambda: list(Product.objects.values("id").union(Category.objects.values("id"))),
        lambda: list(Tenant.objects.filter(id__in=Product.objects.values("tenant_id"))),
        lambda: list(Tenant.objects.filter(models.Exists(Product.objects.filter(tenant_id=models.OuterRef("id"))))),
        lambda: list(Tenant.objects.annotate(n=models.Subquery(Product.objects.values("version")[:1]))),
        lambda: list(Tenant.objects.values("id").union(Product.objects.values("version"))),
        lambda: Domain.objects.filter(tenant_id__in=Product.objects.values("tenant_id")).exists(),
        lambda: Product.objects.update(name="x"),
        lambda: Product.objects.all().delete(),
        lambda: Product.objects.bulk_create([Product(name="x", slug="x")]),
        lambda: Product.objects.bulk_update([Product(name="x")], ["name"]),
        lambda: Product.objects.select_for_update().first(),
        lambda: list(Product.objects.iterator()),
        lambda: Product.objects.get_or_create(slug="x"),
        lambda: Product(name="x").save(),
        lambda: Product(name="x").refresh_from_db(),
    ],
)
def test_the_orm_raises_outside_a_scope(query, tenant):
    with pytest.raises(ScopeError, match="scope"):
        query()


def test_raw_sql_outside_a_scope_returns_nothing(tenant):
    with tenant_scope(tenant.id):
        make_category()
    assert list(Category.objects.raw("SELECT * FROM catalog_category")) == []


def test_a_query_that_comes_out_empty_raises_too():
    with pytest.raises(ScopeError):
        list(Product.objects.filter(id__in=[]))


def test_writing_sql_down_needs_no_scope():
    assert "catalog_product" in str(Product.objects.filter(category__slug="x").query)


def test_platform_tables_need_no_scope(tenant):
    assert Tenant.objects.filter(id=tenant.id, domains__host=tenant.host).count() == 1


def test_the_orm_raises_on_a_connection_that_has_no_scope(tenant):
    with tenant_scope(tenant.id), pytest.raises(ScopeError, match="a scope on 'default' open"):
        Channel.objects.using("replica").count()


def test_a_scope_on_the_standby_reads_there(tenant):
    with tenant_scope(tenant.id, read_only=True, using="replica"):
        assert Channel.objects.all().db == "replica"


def test_a_lazy_queryset_of_one_scope_shows_the_rows_of_the_scope_that_runs_it(tenant, other_tenant):
    with tenant_scope(tenant.id):
        rows = Channel.objects.all()
        assert [row.id for row in rows.all()] == [tenant.channel.id]
    with pytest.raises(ScopeError):
        list(rows)
    with tenant_scope(other_tenant.id):
        assert [row.id for row in rows.all()] == [other_tenant.channel.id]


# --- Threads and generators ---------------------------------------------------------------------------------


def test_a_thread_has_no_scope_of_its_parent(tenant):
    seen: list[object] = []

    def look():
        seen.append(current_scope())
        seen.append(visible())
        try:
            Channel.objects.count()
        except ScopeError:
            seen.append("refused")
        connections.close_all()

    with tenant_scope(tenant.id):
        _in_thread(look)
    assert seen == [None, set(), "refused"]


def test_threads_of_different_tenants_do_not_mix(tenant, other_tenant):
    mixed, together = [], threading.Barrier(2)

    def work(shop):
        for _ in range(20):
            with tenant_scope(shop.id):
                together.wait(10)
                if visible() != {shop.id} or current_tenant_id() != shop.id:
                    mixed.append(shop)
        connections.close_all()

    threads = [threading.Thread(target=work, args=[shop]) for shop in (tenant, other_tenant)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert mixed == []


def test_a_stream_that_is_read_after_the_scope_raises(tenant):
    def stream():
        yield from Channel.objects.iterator()

    with tenant_scope(tenant.id):
        lines = stream()
    with pytest.raises(ScopeError):
        next(lines)


def test_a_generator_that_holds_a_scope_open_lets_nobody_into_another(tenant, other_tenant):
    def stream():
        with tenant_scope(tenant.id):
            yield from Channel.objects.all()

    lines = stream()
    next(lines)
    with pytest.raises(ScopeError), tenant_scope(other_tenant.id):
        pass
    lines.close()
    assert current_scope() is None
    with tenant_scope(other_tenant.id):
        assert visible() == {other_tenant.id}


# --- All tenants ----------------------------------------------------------------------------------------------


def test_narrowing_shows_and_fills_one_tenants_rows_and_then_all_again(tenant, other_tenant):
    both = Channel.objects.filter(id__in=[tenant.channel.id, other_tenant.channel.id])
    with platform():
        assert both.count() == 2
        with narrow(tenant.id):
            assert [row.id for row in both.all()] == [tenant.channel.id]
            assert make_category().tenant_id == tenant.id
            with pytest.raises(ScopeError, match="Only a scope over all tenants"), narrow(other_tenant.id):
                pass
        assert both.count() == 2
        assert setting("platform") == ""
        with pytest.raises(ScopeError), tenant_scope(tenant.id):
            pass


def test_narrowing_ends_with_an_error_too_and_undoes_what_it_held(tenant):
    with platform():
        with pytest.raises(ZeroDivisionError), narrow(tenant.id):
            make_category()
            raise ZeroDivisionError
        assert setting("platform") in ("", None)
        with connections["platform"].cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == ("commerce_platform",)
        assert Category.objects.filter(tenant_id=tenant.id).count() == 0


def test_an_ordinary_scope_is_not_narrowed(tenant):
    with pytest.raises(ScopeError), narrow(tenant.id):
        pass


# --- What travels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "begin"),
    [
        ({"tenant_id": 7}, "BEGIN; SET LOCAL app.tenant_id = '7'"),
        (
            {"tenant_id": 7, "read_only": True},
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL app.tenant_id = '7'",
        ),
        ({"tenant_id": 7, "role": "commerce_app"}, "BEGIN; SET LOCAL ROLE commerce_app; SET LOCAL app.tenant_id = '7'"),
        ({"tenant_id": None}, "BEGIN"),
    ],
)
def test_one_message_opens_a_scope(scope, begin):
    assert Scope(alias="default", **scope).begin_sql == begin


@pytest.mark.parametrize("read_only", [False, True])
def test_a_scope_costs_two_round_trips_beside_its_statements(tenant, tmp_path, read_only):
    """Counted on the wire: the server says ReadyForQuery once per round trip."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    pgconn = connection.connection.pgconn
    with (tmp_path / "wire").open("w") as wire:
        pgconn.trace(wire.fileno())
        with tenant_scope(tenant.id, read_only=read_only), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tenants_channel")
        pgconn.untrace()
    lines = (tmp_path / "wire").read_text().splitlines()
    assert sum("ReadyForQuery" in line for line in lines) == 3
    assert sum("BEGIN" in line and "SET LOCAL app.tenant_id" in line for line in lines) == 1


def test_platform_scopes_are_refused_where_their_address_is_missing(monkeypatch):
    monkeypatch.delitem(connections.settings, "platform")
    with pytest.raises(ScopeError, match="DATABASE_PLATFORM_URL is not set"), platform():
        pass


def test_open_scope_names_a_role(tenant):
    with open_scope(Scope(tenant_id=tenant.id, alias="owner", role="commerce_app")):
        assert Channel.objects.count() == 1
    with open_scope(Scope(tenant_id=tenant.id, alias="owner")):
        assert Channel.objects.count() == 0


def _in_thread(work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
