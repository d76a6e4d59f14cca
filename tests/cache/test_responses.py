"""What is kept, what is served, and what is refused, step by step."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections

from commerce.cache import keys, primary, versions
from commerce.cache.client import cache_redis
from commerce.cache.responses import Bypass, Entry, Hit, Miss
from commerce.cache.versions import MOST_FIELDS
from commerce.db.positions import Position
from commerce.db.replicas import cluster
from commerce.db.scope import tenant_scope
from tests.cache.conftest import advance, keep, make_row, marks_key, versions_key, write


def body_of(found) -> bytes | None:
    return found.body if isinstance(found, Hit) else None


def publish(shop, *topics: str) -> Position:
    position = primary.ask_position()
    versions.publish({shop.id: frozenset(topics)}, position)
    return position


@pytest.fixture
def row(tenant):
    return make_row(tenant)


# --- Serving ------------------------------------------------------------------------------------------


def test_an_answer_that_was_stored_is_served_with_its_topics(tenant, new_entry):
    keep(new_entry(tenant), b'{"data":1}', ("product:7", "product:*"))
    found = new_entry(tenant).lookup()
    assert isinstance(found, Hit)
    assert (found.body, set(found.topics)) == (b'{"data":1}', {"product:7", "product:*"})
    assert 0 <= found.age < 60


def test_neither_another_request_nor_another_tenant_gets_it(tenant, other_tenant, new_entry):
    keep(new_entry(tenant))
    assert isinstance(new_entry(tenant, "other").lookup(), Miss)
    assert isinstance(new_entry(other_tenant).lookup(), Miss)
    assert body_of(new_entry(tenant).lookup()) == b"old"


def test_without_topics_it_is_kept_until_all_is_outdated(tenant, row, new_entry):
    keep(new_entry(tenant), topics=())
    write(tenant, row)
    assert body_of(new_entry(tenant).lookup()) == b"old"
    assert versions.outdate_all(tenant.id)
    assert isinstance(new_entry(tenant).lookup(), Miss)


def test_a_write_outdates_what_names_its_thing_and_nothing_else(tenant, row, new_entry):
    keep(new_entry(tenant, "one"), topics=("thing:1", "thing:*"))
    keep(new_entry(tenant, "two"), topics=("thing:2", "thing:*"))
    keep(new_entry(tenant, "all"), topics=("thing",))
    write(tenant, row, 1)
    assert isinstance(new_entry(tenant, "one").lookup(), Miss)
    assert isinstance(new_entry(tenant, "all").lookup(), Miss)
    assert body_of(new_entry(tenant, "two").lookup()) == b"old"


def test_what_was_read_after_the_write_is_kept(tenant, row, new_entry):
    keep(new_entry(tenant))
    write(tenant, row)
    keep(new_entry(tenant), b"new")
    assert body_of(new_entry(tenant).lookup()) == b"new"


def test_a_transaction_that_wrote_nothing_outdates_nothing(tenant, row, new_entry):
    keep(new_entry(tenant), topics=("thing:1", "thing:*", "category", "content"))
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET name = name WHERE false")
    assert body_of(new_entry(tenant).lookup()) == b"old"


def test_in_a_pipeline_it_takes_one_command_and_survives_forgotten_scripts(tenant, new_entry, server):
    keep(new_entry(tenant))

    def ask(client):
        entry = new_entry(tenant)
        pipeline = client.pipeline(transaction=False)
        entry.add_to(pipeline)
        (reply,) = pipeline.execute(raise_on_error=False)
        return entry.read(reply)

    assert body_of(cache_redis().ask(ask)) == b"old"
    server.script_flush()
    assert body_of(cache_redis().ask(ask)) == b"old"


def test_a_look_shows_what_was_published_also_by_scripts_that_redis_forgot(tenant, new_entry, server):
    keep(new_entry(tenant))
    server.script_flush()
    seen = versions.look(tenant.id, ["thing:1"])
    assert seen is not None
    assert seen.newest <= seen.since


def test_switched_off_there_is_no_place_for_answers(tenant, settings):
    settings.RESPONSE_CACHE = False
    assert Entry.of(tenant=tenant.id, digest="x") is None


# --- Storing ------------------------------------------------------------------------------------------


def test_an_answer_read_before_a_write_is_not_stored_after_it(tenant, row, new_entry):
    entry = new_entry(tenant)
    miss = entry.lookup()
    write(tenant, row)
    assert not entry.store(miss, body=b"old", topics=["thing:1"])
    assert isinstance(new_entry(tenant).lookup(), Miss)
    # What does not depend on it, is.
    other = new_entry(tenant, "other")
    keep(other, topics=["thing:2"])


def test_while_a_change_is_committed_nothing_of_it_is_served_or_stored(tenant, row, new_entry, around_commit):
    keep(new_entry(tenant, "kept"))
    keep(new_entry(tenant, "other"), topics=["thing:2"])
    entry = new_entry(tenant, "read")
    miss = entry.lookup()
    seen = []

    def look():
        seen.append(new_entry(tenant, "kept").lookup())
        seen.append(new_entry(tenant, "other").lookup())
        seen.append(entry.store(miss, body=b"old", topics=["thing:1"]))
        seen.append(versions.look(tenant.id, ["thing:1"]))

    around_commit(marked=look, committed=look)
    write(tenant, row, 1)
    assert len(seen) == 8
    for bypass, hit, stored, looked in (seen[:4], seen[4:]):
        assert isinstance(bypass, Bypass)
        assert bypass.reason == "marked"
        assert bypass.since == miss.since
        assert body_of(hit) == b"old"
        assert (stored, looked) == (False, None)
    assert isinstance(new_entry(tenant, "kept").lookup(), Miss)


def test_a_commit_that_fails_leaves_everything_as_it_was(tenant, row, new_entry, server, around_commit):
    keep(new_entry(tenant))
    seen = []
    around_commit(marked=lambda: seen.append(new_entry(tenant).lookup()))
    with pytest.raises(IntegrityError):
        write(tenant, row, 1, inside=lambda: _break_commit(row))
    assert isinstance(seen[0], Bypass)
    assert body_of(new_entry(tenant).lookup()) == b"old"
    assert _open_marks(server, tenant) == []


def test_of_two_changes_at_once_each_mark_counts(tenant, row, new_entry, server, around_commit):
    keep(new_entry(tenant))
    seen, other = [], make_row(tenant)

    def fail():
        with pytest.raises(IntegrityError):
            write(tenant, other, 1, 2, inside=lambda: _break_commit(other))

    def fail_meanwhile():
        around_commit()
        failing = threading.Thread(target=_and_close(fail))
        failing.start()
        failing.join()
        seen.append(new_entry(tenant).lookup())

    around_commit(marked=fail_meanwhile)
    write(tenant, row, 1)
    assert isinstance(seen[0], Bypass)
    assert isinstance(new_entry(tenant).lookup(), Miss)
    assert _open_marks(server, tenant) == []


def _break_commit(row) -> None:
    """Let COMMIT fail: foreign keys are checked there."""
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET parent_id = %s WHERE id = %s", [uuid4(), row])


def _and_close(work):
    def run():
        try:
            work()
        finally:
            connections.close_all()

    return run


def _open_marks(server, shop) -> list[str]:
    fields = [name.decode() for name in server.hkeys(versions_key(shop)) if name[:1] == b"~"]
    listed = [name.decode() for name in server.zrange(marks_key(), 0, -1)]
    return fields + [name for name in listed if name.startswith(f"{shop.id}:")]


# --- Time and size ------------------------------------------------------------------------------------


def test_an_answer_is_served_until_its_data_change_by_themselves(tenant, new_entry, monkeypatch):
    soon = datetime.now(UTC) + timedelta(seconds=30)
    keep(new_entry(tenant), valid_until=soon)
    assert body_of(new_entry(tenant).lookup()) == b"old"
    monkeypatch.setattr("commerce.cache.responses.time.time", lambda: soon.timestamp())
    assert isinstance(new_entry(tenant).lookup(), Miss)


def test_what_has_ended_already_is_not_stored(tenant, new_entry):
    entry = new_entry(tenant)
    miss = entry.lookup()
    assert not entry.store(miss, body=b"old", topics=["a"], valid_until=datetime.now(UTC))
    assert not new_entry(tenant).lookup().follows


def test_redis_forgets_an_answer_after_its_time_and_not_all_at_once(tenant, new_entry, server, settings):
    settings.RESPONSE_CACHE_TTL = 500
    left = []
    for number in range(20):
        entry = new_entry(tenant, f"{number}")
        keep(entry)
        left.append(server.pttl(keys.answer_key(entry.system_id, tenant.id, entry.digest)) / 1000)
    assert 440 < min(left) < max(left) <= 500
    assert len({round(seconds) for seconds in left}) > 3


@pytest.mark.parametrize(("size", "is_stored"), [(1000, True), (1001, False)])
def test_a_large_body_is_not_stored(tenant, new_entry, settings, size, is_stored):
    settings.RESPONSE_CACHE_LARGEST = 1000
    entry = new_entry(tenant)
    assert entry.store(entry.lookup(), body=b"x" * size, topics=["a"]) is is_stored
    assert body_of(new_entry(tenant).lookup()) == (b"x" * size if is_stored else None)


def test_a_topic_has_no_space(tenant):
    with pytest.raises(ValueError, match="no spaces"):
        versions.publish({tenant.id: frozenset({"a b"})}, primary.ask_position())


def test_an_answer_of_many_topics_is_kept_and_of_too_many_is_not(tenant, new_entry):
    topics = [f"thing:{number}" for number in range(2001)]
    keep(new_entry(tenant), topics=topics[:2000])
    publish(tenant, "else")
    assert body_of(new_entry(tenant).lookup()) == b"old"
    advance(tenant)
    publish(tenant, topics[1999])
    entry = new_entry(tenant)
    assert not entry.store(entry.lookup(), body=b"old", topics=topics)


# --- Versions -----------------------------------------------------------------------------------------


def test_a_version_never_goes_back(tenant, new_entry):
    new_entry(tenant).lookup()
    late, early = Position(cluster().timeline, 1 << 60), Position(cluster().timeline, 1 << 59)
    versions.publish({tenant.id: frozenset({"a"})}, late)
    versions.publish({tenant.id: frozenset({"a"})}, early)
    assert versions.look(tenant.id, ["a"]).newest == late


def test_the_hash_of_versions_stays_small_and_what_it_forgets_is_outdated(tenant, new_entry, server):
    keep(new_entry(tenant, "first"), topics=["never"])
    for batch in range(30):
        publish(tenant, *(f"thing:{batch}-{number}" for number in range(100)))
        advance(tenant)
        if batch == 28:
            keep(new_entry(tenant, "last"), topics=["thing:28-5"])
    assert server.hlen(versions_key(tenant)) <= MOST_FIELDS
    assert body_of(new_entry(tenant, "first").lookup()) is None
    assert body_of(new_entry(tenant, "last").lookup()) == b"old"


def test_a_look_tells_what_may_be_kept_in_a_process(tenant, row):
    seen = versions.look(tenant.id, ["thing:1"])
    assert seen is not None
    assert seen.newest <= seen.since
    write(tenant, row, 2)
    assert versions.look(tenant.id, ["thing:1"]).newest <= seen.since
    write(tenant, row, 1)
    assert versions.look(tenant.id, ["thing:1"]).newest > seen.since


# --- Lost versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["flushed", "evicted"])
def test_versions_that_are_lost_take_all_answers_with_them(tenant, row, new_entry, own_redis, lost):
    own = own_redis()
    entry = new_entry(tenant)
    keep(entry)
    kept = own.client.dump(keys.answer_key(entry.system_id, tenant.id, entry.digest))
    write(tenant, row)
    if lost == "flushed":
        own.client.flushall()
        # Even where the answer itself should come back.
        own.client.restore(keys.answer_key(entry.system_id, tenant.id, entry.digest), 60_000, kept)
    else:
        own.client.delete(versions_key(tenant))
    assert isinstance(new_entry(tenant).lookup(), Miss)
    keep(new_entry(tenant), b"new")
    assert body_of(new_entry(tenant).lookup()) == b"new"


def test_an_answer_from_before_the_loss_is_not_stored_after_it(tenant, row, new_entry, server):
    entry = new_entry(tenant)
    miss = entry.lookup()
    write(tenant, row)
    server.delete(versions_key(tenant))
    assert not entry.store(miss, body=b"old", topics=["thing:1"])
    assert isinstance(new_entry(tenant).lookup(), Miss)
    assert not entry.store(miss, body=b"old", topics=["thing:1"])


def test_a_floor_that_was_asked_for_before_another_loss_is_refused(tenant, row, new_entry, server, monkeypatch):
    """Its position may be older than versions that went with the second loss."""

    def ask():
        position = ask_position()
        monkeypatch.setattr(primary, "ask_position", ask_position)
        server.delete(versions_key(tenant))
        keep(new_entry(tenant))
        write(tenant, row)
        server.delete(versions_key(tenant))
        return position

    ask_position = primary.ask_position
    monkeypatch.setattr(primary, "ask_position", ask)
    server.hset(versions_key(tenant), ".claim", "claimed")
    assert not versions.found(cluster().system_id, tenant.id, b"claimed")
    assert not server.hexists(versions_key(tenant), ".floor")
    assert isinstance(new_entry(tenant).lookup(), Miss)


def test_a_write_between_the_question_for_a_floor_and_its_setting_counts(tenant, row, new_entry, monkeypatch):
    entries = [new_entry(tenant), new_entry(tenant)]
    misses = []

    def ask():
        position = ask_position()
        monkeypatch.setattr(primary, "ask_position", ask_position)
        write(tenant, row)
        return position

    ask_position = primary.ask_position
    monkeypatch.setattr(primary, "ask_position", ask)
    misses.append(entries[0].lookup())
    seen = versions.look(tenant.id, ["thing:1"])
    assert seen.newest == seen.since == misses[0].since


# --- Another timeline ---------------------------------------------------------------------------------


def promoted(entry: Entry) -> Entry:
    """The same request, of a process that knows of the promotion of a standby."""
    return replace(entry, timeline=entry.timeline + 1)


def test_after_a_promotion_nothing_from_before_is_served_or_stored(tenant, new_entry, monkeypatch):
    keep(new_entry(tenant))
    ask_position = primary.ask_position
    late = new_entry(tenant)
    late_miss = replace_digest(late, "late").lookup()
    monkeypatch.setattr(primary, "ask_position", lambda: Position(cluster().timeline + 1, ask_position().lsn))
    found = promoted(new_entry(tenant)).lookup()
    assert isinstance(found, Miss)
    assert found.since.timeline == cluster().timeline + 1
    assert promoted(new_entry(tenant)).store(found, body=b"new", topics=["thing:1"])
    assert body_of(promoted(new_entry(tenant)).lookup()) == b"new"
    # Whoever has not heard of it is served nothing, and can store nothing.
    assert new_entry(tenant).lookup() == Bypass("timeline")
    assert not replace_digest(late, "late").store(late_miss, body=b"old", topics=["thing:1"])


def test_a_writer_that_was_promoted_first_stops_those_who_do_not_know(tenant, new_entry):
    keep(new_entry(tenant))
    versions.publish({tenant.id: frozenset({"other"})}, Position(cluster().timeline + 1, 1))
    assert new_entry(tenant).lookup() == Bypass("timeline")


def test_an_old_primary_cannot_outdate_what_the_new_one_wrote(tenant, new_entry):
    new_entry(tenant).lookup()
    versions.publish({tenant.id: frozenset({"a"})}, Position(9, 5))
    versions.publish({tenant.id: frozenset({"a"})}, Position(8, 500))
    key = versions_key(tenant)
    assert cache_redis().ask(lambda client: client.hget(key, "a")) == keys.position_text(Position(9, 5)).encode()


def replace_digest(entry: Entry, digest: str) -> Entry:
    return replace(entry, digest=digest)
