"""Statements that are prepared once run for as long as their connection: psycopg never believes in one that is gone."""

import random
from contextlib import suppress
from typing import Any

import pytest
from django.db import Error, connections, transaction

from commerce.db.backend import base

ROUNDS, STEPS = 40, 60


class Undone(Exception):
    pass


@pytest.mark.parametrize("seed", range(4))
def test_errors_savepoints_and_eviction_take_no_prepared_statement_away(single, monkeypatch, seed):
    monkeypatch.setattr(base, "PREPARED_MAX", 8)
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        with suppress(Undone), transaction.atomic(using=single):
            _walk(single, chance, STEPS)
    _ask(connections[single].hot_cursor(), chance)
    with connections[single].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert 0 < cursor.fetchone()[0] <= 2 * base.PREPARED_MAX


def _walk(alias: str, chance: random.Random, steps: int) -> None:
    """Read, fail inside savepoints, and leave them by either way; at the end maybe undo it all."""
    for _ in range(chance.randrange(steps)):
        match chance.choice(["hot"] * 6 + ["plain"] * 2 + ["wrong", "unknown", "inside"]):
            case "inside" if steps > 6:
                with suppress(Undone), transaction.atomic(using=alias):
                    _walk(alias, chance, steps // 4)
            case "wrong":
                _fail(alias, "SELECT 1 / %s::int", 0)
            case "unknown":
                _fail(alias, "SELECT nothing + %s", 0)
            case "plain":
                _ask(connections[alias].cursor(), chance)
            case _:
                _ask(connections[alias].hot_cursor(), chance)
    if chance.random() < 0.3:
        raise Undone


def _ask(opened: Any, chance: random.Random) -> None:
    number = chance.randrange(14)
    with opened as cursor:
        cursor.execute(f"SELECT %s::int + {number}", [1])
        assert cursor.fetchall() == [(1 + number,)]


def _fail(alias: str, sql: str, value: int) -> None:
    with pytest.raises(Error), transaction.atomic(using=alias), connections[alias].hot_cursor() as cursor:
        cursor.execute(sql, [value])
