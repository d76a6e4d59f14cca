"""What holds between processes: each is a real one, stopped at a step and maybe killed there."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections

from commerce.cache import settling, versions
from commerce.cache.responses import Hit, Miss
from commerce.db.scope import tenant_scope
from tests.cache.conftest import (
    advance,
    debts,
    finish_events,
    keep,
    make_row,
    marks_key,
    read,
    versions_key,
    write,
)
from tests.outbox.conftest import wait_until

PROJECT = Path(__file__).resolve().parents[2]


class Child:
    """A process that says which step it has come to."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.cache.child", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def go_on(self, until: str) -> None:
        self.process.stdin.write("\n")
        assert self.says() == until

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def child():
    """Return a function that starts a child; all are gone afterwards."""
    started: list[Child] = []

    def start(*arguments: object) -> Child:
        started.append(Child(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.process.stdin.close()
        each.process.stdout.close()


@pytest.fixture
def row(tenant):
    return make_row(tenant)


@pytest.fixture
def writer(tenant, row, child):
    """Return a function that starts a process which writes, and lets it come to a step."""

    def start(until: str) -> Child:
        process = child("write", tenant.id, row)
        assert process.says() == "written"
        for step in ("marked", "committed", "told"):
            if until == "written":
                break
            process.go_on(step)
            if step == until:
                break
        return process

    return start


def answer(shop, row, entry) -> str:
    """Answer as a door does, and say how the answer was come by."""
    found = entry.lookup()
    if isinstance(found, Hit):
        return f"hit {found.body.decode()}"
    body = read(shop, row)
    if isinstance(found, Miss):
        assert entry.store(found, body=body, topics=["thing:1", "thing:*"])
    return f"{type(found).__name__.lower()} {body.decode()}"


def is_left(server, shop) -> bool:
    """Say whether anything of a mark is left."""
    fields = [field for field in server.hkeys(versions_key(shop)) if field[:1] == b"~" or field == b".marks"]
    listed = [name for name in server.zrange(marks_key(), 0, -1) if name.startswith(f"{shop.id}:".encode())]
    return bool(fields or listed)


# --- A write is visible to the next read --------------------------------------------------------------


def test_what_one_process_wrote_the_next_read_of_another_shows(tenant, row, new_entry, writer):
    assert answer(tenant, row, new_entry(tenant)) == "miss 1"
    assert answer(tenant, row, new_entry(tenant)) == "hit 1"
    writer("told")
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"
    assert answer(tenant, row, new_entry(tenant)) == "hit 2"


def test_what_one_process_stored_another_serves_until_it_is_outdated(tenant, row, new_entry, child):
    entry = new_entry(tenant)
    keep(entry)
    other = child("look", tenant.id, entry.digest)
    assert other.says() == "old"
    write(tenant, row)
    third = child("look", tenant.id, entry.digest)
    assert third.says() == "Miss"


# --- Killed -------------------------------------------------------------------------------------------


def test_killed_before_its_mark_a_writer_leaves_nothing(tenant, row, new_entry, writer, server):
    answer(tenant, row, new_entry(tenant))
    writer("written").kill()
    assert answer(tenant, row, new_entry(tenant)) == "hit 1"
    assert not is_left(server, tenant)


def test_killed_before_its_commit_it_leaves_a_mark_that_is_settled(tenant, row, new_entry, writer, server):
    answer(tenant, row, new_entry(tenant))
    writer("marked").kill()
    assert answer(tenant, row, new_entry(tenant)) == "bypass 1"
    _settle(tenant, server)
    # Nothing was changed: the old answer may be served on, where the log is not further on disk by now.
    assert answer(tenant, row, new_entry(tenant)) in ("miss 1", "hit 1")
    assert answer(tenant, row, new_entry(tenant)) == "hit 1"


def test_killed_after_its_commit_and_before_it_could_tell_it_leaves_nothing_old(tenant, row, new_entry, writer, server):
    late = new_entry(tenant, "late")
    miss = late.lookup()
    answer(tenant, row, new_entry(tenant))
    writer("committed").kill()
    assert answer(tenant, row, new_entry(tenant)) == "bypass 2"
    assert not late.store(miss, body=b"1", topics=["thing:1"])
    _settle(tenant, server)
    assert not late.store(miss, body=b"1", topics=["thing:1"])
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"
    assert answer(tenant, row, new_entry(tenant)) == "hit 2"


def test_killed_after_it_told_it_leaves_nothing(tenant, row, new_entry, writer, server):
    answer(tenant, row, new_entry(tenant))
    writer("told").kill()
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"
    assert not is_left(server, tenant)


@pytest.mark.parametrize("step", ["marked", "committed"])
def test_a_writer_that_lives_is_waited_for(tenant, row, new_entry, writer, server, step):
    answer(tenant, row, new_entry(tenant))
    process = writer(step)
    if step == "marked":
        for _ in range(3):
            settling.settle(age=0)
            assert answer(tenant, row, new_entry(tenant)) == "bypass 1"
        process.go_on("committed")
    assert answer(tenant, row, new_entry(tenant)) == "bypass 2"
    process.go_on("told")
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"
    assert not is_left(server, tenant)


def test_a_mark_that_was_evicted_under_its_writer_is_settled_nevertheless(tenant, row, new_entry, writer, server):
    """A reader has stored what was true before the commit, as nothing told it of the change."""
    answer(tenant, row, new_entry(tenant))
    process = writer("marked")
    server.delete(versions_key(tenant))
    advance(tenant)
    assert answer(tenant, row, new_entry(tenant)) == "miss 1"
    process.go_on("committed")
    process.kill()
    _settle(tenant, server)
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"


def test_a_mark_that_the_list_has_lost_is_listed_again(tenant, row, new_entry, writer, server, monkeypatch):
    answer(tenant, row, new_entry(tenant))
    writer("committed").kill()
    server.delete(marks_key())
    settling.settle(age=0)
    assert answer(tenant, row, new_entry(tenant)) == "bypass 2"
    assert server.zcard(marks_key()) == 0, "it may be a writer that lives, and is about to take it away"
    monkeypatch.setattr(versions, "OLD_MARK", -1.0)
    assert answer(tenant, row, new_entry(tenant)) == "bypass 2"
    _settle(tenant, server)
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"


def test_a_mark_of_a_timeline_before_is_over(tenant, row, new_entry, server):
    answer(tenant, row, new_entry(tenant))
    _mark(server, tenant, "0:1")
    assert answer(tenant, row, new_entry(tenant)) == "bypass 1"
    _settle(tenant, server)
    assert answer(tenant, row, new_entry(tenant)) == "miss 1"


def test_a_mark_of_a_transaction_that_a_crash_took_back_is_over(tenant, row, new_entry, server):
    answer(tenant, row, new_entry(tenant))
    _mark(server, tenant, f"{new_entry(tenant).timeline}:{1 << 40}")
    assert answer(tenant, row, new_entry(tenant)) == "bypass 1"
    _settle(tenant, server)
    assert answer(tenant, row, new_entry(tenant)) == "miss 1"


def _mark(server, shop, holder: str) -> None:
    advance(shop)
    server.zadd(marks_key(), {f"{shop.id}:{holder}": 1})
    server.hset(versions_key(shop), mapping={f"~{holder}": "1.0 thing:1 thing", ".marks": holder})


def _settle(shop, server) -> None:
    settling.settle(age=0)
    assert not is_left(server, shop)


# --- The relay ----------------------------------------------------------------------------------------


@pytest.fixture
def start_relay():
    """Return a function that starts `manage.py relay` with this environment."""
    started: list[subprocess.Popen] = []

    def start(**environment: str) -> None:
        command = [sys.executable, "manage.py", "relay"]
        started.append(
            subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    yield start
    for process in started:
        process.terminate()
        process.wait()


def test_the_relay_ends_what_a_killed_writer_began(tenant, row, new_entry, writer, server, start_relay):
    answer(tenant, row, new_entry(tenant))
    writer("committed").kill()
    assert answer(tenant, row, new_entry(tenant)) == "bypass 2"
    start_relay()
    wait_until(lambda: not is_left(server, tenant), what="the mark to be settled")
    assert answer(tenant, row, new_entry(tenant)) == "miss 2"


def test_the_relay_pays_debts_as_soon_as_redis_is_back(tenant, row, new_entry, own_redis, start_relay):
    own = own_redis()
    own.stop()
    write(tenant, row)
    finish_events(but="cache.outdated")
    start_relay(REDIS_CACHE_URL=own.url)
    wait_until(lambda: attempts(tenant) >= 3, what="three tries, which make the next one seconds away")
    own.start()
    wait_until(lambda: debts(tenant) == ["done"], what="the debt to be paid")


def attempts(shop) -> int:
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT max(attempts) FROM outbox_event WHERE type = 'cache.outdated'")
        return cursor.fetchone()[0]


# --- One computes -------------------------------------------------------------------------------------


def test_two_hundred_misses_at_once_in_two_processes_compute_once(tenant, child, server):
    digest = uuid4().hex
    crowds = [child("crowd", tenant.id, digest, 100) for _ in range(2)]
    for crowd in crowds:
        assert crowd.says() == "ready"
    for crowd in crowds:
        crowd.process.stdin.write("\n")
    answers = [answer for crowd in crowds for answer in crowd.says().split(",")]
    assert answers == ["1"] * 200
    assert server.get(f"computed:{digest}") == b"1"


def test_if_the_one_who_computes_is_killed_another_takes_its_place(tenant, child, server):
    digest = uuid4().hex
    leader, crowd = child("lead", tenant.id, digest), child("crowd", tenant.id, digest, 50)
    assert crowd.says() == "ready"
    assert leader.says() == "leads"
    leader.kill()
    crowd.process.stdin.write("\n")
    answers = crowd.says().split(",")
    assert len(answers) == 50
    assert 1 <= int(server.get(f"computed:{digest}")) < 25, "not each for itself"


def test_if_there_is_nothing_to_keep_the_others_compute_at_once(tenant, new_entry):
    first, second = new_entry(tenant), new_entry(tenant)
    miss = first.lookup()
    assert miss.leads
    following = second.lookup()
    assert (following.leads, following.follows) == (False, True)
    first.release(miss)
    found = second.wait(following)
    assert isinstance(found, Miss)
    assert (found.leads, found.follows) == (False, False)


def test_what_waits_too_long_computes(tenant, new_entry, monkeypatch):
    monkeypatch.setattr("commerce.cache.responses.LEAD", 60)
    assert new_entry(tenant).lookup().leads
    second = new_entry(tenant)
    found = second.wait(second.lookup())
    assert isinstance(found, Miss)
    assert second.store(found, body=b"2", topics=["thing:1"])


def test_who_leads_may_ask_again(tenant, new_entry):
    entry = new_entry(tenant)
    assert entry.lookup().leads
    assert entry.lookup().leads
    assert not new_entry(tenant).lookup().leads


# --- The command --------------------------------------------------------------------------------------


def test_the_command_outdates_all_of_one_tenant(tenant, other_tenant, new_entry, capsys):
    keep(new_entry(tenant))
    keep(new_entry(other_tenant))
    call_command("cache", "clear", tenant=tenant.slug)
    assert isinstance(new_entry(tenant).lookup(), Miss)
    assert isinstance(new_entry(other_tenant).lookup(), Hit)
    call_command("cache", "status")
    said = capsys.readouterr().out
    assert f"Outdated all answers of {tenant.slug}." in said
    assert "allkeys-lru" in said
