"""The bench in small: what it loads, asks and counts. What it measures is not a test's business."""

import os
import secrets
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from commerce.db.scope import tenant_scope
from tests.bench import check, load, report, statements
from tests.bench.client import Connection
from tests.bench.facts import Facts, Town, make_id, make_product
from tests.bench.measure import GRAPHQL, LIMIT, Figures, WrongAnswerError, _body, _cursor
from tests.bench.measure import check as check_answer
from tests.bench.operations import OPERATIONS, Budget, Shop

SIZES = ((1, 230), (1, 40))


@pytest.fixture(scope="module")
def town():
    """Return a town that is loaded, and its tenants."""
    os.environ["BENCH_SUPERUSER_URL"] = os.environ["STACK_SUPERUSER_URL"]
    made = Town("small", SIZES, domain=f"b{secrets.token_hex(5)}.test")
    return made, [shop.tenant_id for shop in load.load_town(made)]


@pytest.fixture
def shop(town):
    made, (first, _) = town
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT public_id FROM tenants_tenant WHERE id = %s", [first])
        return Shop(Facts(made.sizes[0]), first, cursor.fetchone()[0], made.host(0))


def test_a_loaded_town_is_what_the_operations_would_have_written(town):
    made, tenants = town
    with load.superuser() as connection:
        check.check_town(made, tenants, connection)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("UPDATE catalog_listing SET price_min = price_min + 1 WHERE product_id = {product}", "refresh_products"),
        ("UPDATE catalog_listingname SET name_key = 'x' WHERE product_id = {product}", "refresh_products"),
        ("DELETE FROM catalog_stock WHERE variant_id = {variant}", "catalog_stock has"),
        ("UPDATE catalog_variant SET product_id = gen_random_uuid() WHERE id = {variant}", "point nowhere"),
    ],
)
def test_a_town_that_was_changed_is_refused(town, change, complaint):
    made, tenants = town
    keys = {"product": make_id("product", 0, tenants[0]), "variant": make_id("variant", 0, tenants[0])}
    table, where = change.split()[1 if change.startswith("UPDATE") else 2], change.partition("WHERE ")[2]
    change, where = (text.format(**{name: f"'{key}'" for name, key in keys.items()}) for text in (change, where))
    with load.superuser() as connection:
        kept = connection.execute(f"SELECT t::text FROM {table} t WHERE {where}").fetchall()
        connection.execute(change)
        try:
            with pytest.raises(check.WronglyLoadedError, match=complaint):
                check.check_town(made, tenants, connection)
        finally:
            connection.execute(f"DELETE FROM {table} WHERE {where}")
            for (row,) in kept:
                connection.execute(f"INSERT INTO {table} SELECT (%s::{table}).*", [row])
        check.check_town(made, tenants, connection)


@pytest.mark.parametrize("path", [GRAPHQL, LIMIT])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_answered_as_the_facts_say(settings, shop, operation, path):
    settings.ROOT_URLCONF = "tests.bench.urls"
    cursor = None
    for ask in operation.asks(shop):
        body = _body(operation, ask, path, cursor)
        answer = Client(headers={"host": shop.host}).post(path, body, "application/json")
        cursor = _cursor(check_answer(operation.title, ask, answer.status_code, answer.content))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_answer_of_another_shop_is_wrong(shop, operation, town):
    made, (_, other) = town
    with tenant_scope(other), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_product")
        assert cursor.fetchone() == (made.sizes[1],)
    ask = operation.asks(shop)[0]
    answer = Client(headers={"host": made.host(1)}).post(
        GRAPHQL, _body(operation, ask, GRAPHQL, None), "application/json"
    )
    with pytest.raises(WrongAnswerError):
        check_answer(operation.title, ask, answer.status_code, answer.content)


def test_a_product_is_the_same_in_a_shop_of_any_size():
    assert Facts(30).products == Facts(60).products[:30] == [make_product(number) for number in range(30)]


@pytest.mark.parametrize("body", [b"x" * 70_000, b""])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_client_reads_answers_in_pieces(body, chunked):
    head = b"HTTP/1.1 200 OK\r\nX-Cache: hit\r\n"
    if chunked:
        parts = [body[at : at + 30_000] for at in range(0, len(body), 30_000)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n" + sent
    else:
        sent = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    connection: Any = Connection.__new__(Connection)
    connection.buffer, connection.blank, connection.end = bytearray(), 0, None
    connection.socket = Pieces(sent)
    answers = [connection.receive() for _ in range(connection.socket.count)]
    assert answers[-1] is not None
    assert answers[-1][1] == body
    assert answers[:-1] == [None] * (len(answers) - 1)


class Pieces:
    """A socket whose data comes in pieces of a thousand bytes."""

    def __init__(self, data):
        self.pieces = [data[at : at + 999] for at in range(0, len(data), 999)]
        self.count = len(self.pieces)

    def recv(self, size):
        return self.pieces.pop(0)


LOG = """\
2026-01-01 10:00:00.001 UTC [7] commerce_app@small LOG:  statement: BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
2026-01-01 10:00:00.002 UTC [7] commerce_app@small LOG:  execute <unnamed>: SELECT a
\tFROM b WHERE c = $1 AND d = $2
2026-01-01 10:00:00.002 UTC [7] commerce_app@small DETAIL:  parameters: $1 = 'it''s', $2 = NULL
2026-01-01 10:00:00.002 UTC [8] commerce_app@other LOG:  execute <unnamed>: SELECT 1
2026-01-01 10:00:00.003 UTC [7] commerce_app@small LOG:  execute _pg3_0: SELECT 2
2026-01-01 10:00:00.003 UTC [7] commerce_app@small LOG:  statement: COMMIT
"""


def test_statements_are_read_from_the_log_with_their_parameters():
    found = statements.parse(LOG, "small", "primary")
    assert [one.sql for one in found if one.is_counted] == ["SELECT a\nFROM b WHERE c = $1 AND d = $2", "SELECT 2"]
    assert [one.is_prepared for one in found if one.is_counted] == [False, True]
    assert found[1].parameters == ["'it''s'", "NULL"]


def test_figures_are_judged_beside_their_budgets():
    assert report.judged(3.004, 3, 2) == "3.00 (≤ 3 ok)"
    assert report.judged(3.006, 3, 2) == "**3.01** (≤ 3 OVER)"
    figures = Figures(1, 1, 1, 1, 1, server=2, postgres=5, redis=0, client=0, size=1, hits=0)
    row = report.Measured(OPERATIONS[0], "uncached", 1, figures, 4, Budget(server=3, postgres=1.5, statements=6))
    assert report.over([row], []) == ["list of 24, uncached, 1 connections: 5.00 ms of PostgreSQL, 1.5 allowed"]


def test_results_are_put_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write("new", page)
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="put them back"):
        report.write("new", page)
