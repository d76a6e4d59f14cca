"""A read goes to a replica only if that has all that the reader must see (facts 33 to 41)."""

import os
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connections
from django.http import HttpResponse
from django.test import RequestFactory

from commerce.db import positions, read_after, replicas, watch
from commerce.db.positions import Position
from commerce.db.replicas import PrimaryUnavailable
from commerce.db.scope import tenant_scope
from tenants.models import Channel
from tests.factories.tenants import make_channel


def wait_for(condition, seconds: float = 20.0):
    """Return the first truth of `condition()`, or fail."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
    return found


def write(shop, slug: str) -> Position:
    """Write a row and return where its commit is."""
    positions.forget_written()
    with tenant_scope(shop.id):
        make_channel(slug=slug)
    written = positions.last_written()
    assert written is not None
    return written


def count_channels(shop):
    """Return a read for `reading`: how many channels the shop has there."""

    def run(alias: str) -> tuple[str, int]:
        with tenant_scope(shop.id, read_only=True, using=alias):
            return alias, Channel.objects.count()

    return run


@contextmanager
def on_standby():
    with psycopg.connect(os.environ["STACK_STANDBY_SUPERUSER_URL"], autocommit=True) as superuser:
        yield superuser


@contextmanager
def paused_replay():
    with on_standby() as superuser:
        superuser.execute("SELECT pg_wal_replay_pause()")
        wait_for(lambda: superuser.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
        try:
            yield
        finally:
            superuser.execute("SELECT pg_wal_replay_resume()")


@pytest.fixture(autouse=True)
def _watched():
    """Begin with both servers known."""
    wait_for(lambda: replicas.health() == {"default": "ok", "replica": "ok"})


def test_a_read_goes_to_the_replica_and_sees_the_write_before_it(tenant):
    for number in range(20):
        written = write(tenant, f"channel-{number}")
        assert replicas.reading(count_channels(tenant), at_least=written)[1] == 2 + number
    wait_for(lambda: replicas.choose(written) == "replica")
    assert replicas.reading(count_channels(tenant), at_least=written) == ("replica", 21)


def test_a_replica_whose_replay_is_paused_serves_only_those_who_need_no_later_write(tenant, other_tenant):
    before = write(tenant, "before")
    wait_for(lambda: replicas.choose(before) == "replica")
    with paused_replay():
        after = write(tenant, "after")
        for _ in range(10):
            assert replicas.choose(after) == "default"
            assert replicas.reading(count_channels(tenant), at_least=after) == ("default", 3)
            time.sleep(0.03)
        assert replicas.reading(count_channels(tenant), at_least=before) == ("replica", 2)
    wait_for(lambda: replicas.choose(after) == "replica")
    assert replicas.reading(count_channels(tenant), at_least=after) == ("replica", 3)


def test_what_a_read_should_see_sends_it_to_the_primary_too(tenant):
    """What was published, and not only what this caller wrote."""
    with paused_replay():
        after = write(tenant, "after")
        assert replicas.reading(count_channels(tenant), ideally=after) == ("default", 2)
        assert (replicas.has_replayed("replica", after), replicas.has_replayed("default", after)) == (False, True)
    wait_for(lambda: replicas.has_replayed("replica", after))
    assert replicas.reading(count_channels(tenant), ideally=after) == ("replica", 2)


def test_a_replica_that_lags_leaves_and_comes_back_by_itself(tenant, settings):
    settings.REPLICA_MAX_LAG = 0.7
    with paused_replay():
        written = write(tenant, "late")
        wait_for(lambda: replicas.health()["replica"] == "behind")
        assert replicas.choose() == "default"
    wait_for(lambda: replicas.choose() == "replica")
    wait_for(lambda: replicas.choose(written) == "replica")


def test_a_replica_that_lags_by_bytes_leaves_too(tenant, settings):
    settings.REPLICA_MAX_LAG_BYTES = 0
    with paused_replay():
        write(tenant, "late")
        wait_for(lambda: replicas.choose() == "default")
    settings.REPLICA_MAX_LAG_BYTES = 2**40
    assert replicas.choose() == "replica"


def test_where_nothing_is_written_there_is_no_lag(tenant, settings):
    """The time since the last replayed transaction, which grows on an idle system, is no lag (fact 36)."""
    settings.REPLICA_MAX_LAG = 0.7
    written = write(tenant, "last")
    wait_for(lambda: replicas.choose(written) == "replica")
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert replicas.choose() == "replica"
        time.sleep(0.05)


def test_positions_of_other_timelines(tenant):
    here = replicas.cluster().timeline
    assert replicas.choose(Position(here - 1, 2**60)) == "replica", "what a promotion lost is lost for all"
    assert replicas.choose(Position(here + 1, 0)) == "default", "only the primary can know of a later one"
    assert replicas.choose(Position(here, 2**60)) == "default"


def test_the_cluster_is_that_of_the_servers():
    with on_standby() as superuser:
        row = superuser.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert replicas.cluster() == (row[0], 1)


# --- Reads that fail ------------------------------------------------------------------------------------


def test_a_read_whose_connection_the_standby_ends_begins_again_on_the_primary(tenant):
    tried = []

    def run(alias: str) -> int:
        tried.append(alias)
        with tenant_scope(tenant.id, read_only=True, using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
                if alias == "replica":
                    with on_standby() as superuser:
                        superuser.execute("SELECT pg_terminate_backend(%s)", [pid])
            return Channel.objects.count()

    assert (replicas.reading(run), tried) == (1, ["replica", "default"])
    wait_for(lambda: replicas.choose() == "replica")
    assert replicas.reading(count_channels(tenant)) == ("replica", 1)


@pytest.mark.parametrize("is_swallowed", [False, True])
def test_a_read_that_the_standby_cancels_for_replaying_begins_again_on_the_primary(tenant, is_swallowed):
    """Replaying an ACCESS EXCLUSIVE lock cancels who uses the table, after max_standby_streaming_delay."""
    with on_standby() as superuser:
        superuser.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        superuser.execute("SELECT pg_reload_conf()")
    tried = []

    def lock():
        with psycopg.connect(os.environ["STACK_SUPERUSER_URL"]) as superuser:
            superuser.execute("LOCK TABLE tenants_channel IN ACCESS EXCLUSIVE MODE")
            superuser.execute("SELECT pg_current_xact_id()")  # else the lock would not be in the log

    def run(alias: str) -> int:
        tried.append(alias)
        with tenant_scope(tenant.id, read_only=True, using=alias):
            found = Channel.objects.count()
            if alias == "replica":
                threading.Thread(target=lock).start()
                try:
                    with connections[alias].cursor() as cursor:
                        cursor.execute("SELECT pg_sleep(20)")
                except OperationalError:
                    if not is_swallowed:
                        raise
            return found

    try:
        assert (replicas.reading(run), tried) == (1, ["replica", "default"])
    finally:
        with on_standby() as superuser:
            superuser.execute("ALTER SYSTEM RESET max_standby_streaming_delay")
            superuser.execute("SELECT pg_reload_conf()")
    assert replicas.health()["replica"] == "ok", "it is not to blame"


def test_an_error_of_the_read_itself_is_raised_and_run_once(tenant):
    tried = []

    def run(alias: str) -> None:
        tried.append(alias)
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with pytest.raises(DatabaseError, match="division by zero"):
        replicas.reading(run)
    assert tried == ["replica"]
    assert replicas.choose() == "replica"


def test_a_read_that_times_out_is_not_run_again(tenant):
    tried = []

    def run(alias: str) -> None:
        tried.append(alias)
        with tenant_scope(tenant.id, read_only=True, using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(5)")

    with pytest.raises(OperationalError, match="statement timeout"):
        replicas.reading(run)
    assert tried == ["replica"]


def test_each_server_is_tried_once():
    tried = []

    def run(alias: str) -> None:
        tried.append(alias)
        raise OperationalError from psycopg.OperationalError("the connection is lost")

    with pytest.raises(PrimaryUnavailable):
        replicas.reading(run)
    assert tried == ["replica", "default"]


def test_a_write_that_meets_a_standby_finds_no_primary(tenant):
    with pytest.raises(PrimaryUnavailable), replicas.writing(), tenant_scope(tenant.id, using="replica"):
        make_channel(slug="nowhere")


def test_a_write_that_fails_for_itself_says_so(tenant):
    with (
        pytest.raises(DatabaseError, match="division"),
        replicas.writing(),
        tenant_scope(tenant.id),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute("SELECT 1 / 0")


def test_a_forked_child_watches_for_itself():
    code = os.fork()
    if code == 0:
        try:
            assert watch._watch is None
            wait_for(lambda: replicas.choose() == "replica", 5)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(code, 0)[1] == 0
    wait_for(lambda: replicas.choose() == "replica")


def test_the_watch_can_be_stopped_and_starts_again_when_asked():
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("watch ")]
    assert len(threads) == 2
    watch.stop()
    assert not any(thread.is_alive() for thread in threads)
    assert replicas.choose() == "default"
    wait_for(lambda: replicas.choose() == "replica")


# --- Tokens ---------------------------------------------------------------------------------------------


def request(header: str = "", cookie: str = ""):
    found = RequestFactory(headers={"Read-After": header} if header else {}).get("/")
    if cookie:
        found.COOKIES[read_after.COOKIE] = cookie
    return found


def test_the_answer_to_a_write_carries_a_token_and_the_next_request_brings_it(tenant):
    written = write(tenant, "token")
    response = HttpResponse()
    read_after.write_token(response)
    token = f"{replicas.cluster().system_id}-{written}"
    cookie = response.cookies["read_after"]
    assert (response.headers["Read-After"], cookie.value) == (token, token)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "Lax", "/", 60)
    assert read_after.read_token(request(header=token)) == written
    assert read_after.read_token(request(cookie=token)) == written


def test_the_admin_s_answers_carry_a_token_and_queries_do_not(tenant, client_for):
    """Every page of the admin is a writing transaction."""
    before = write(tenant, "before")
    token = client_for(tenant).get("/admin/login/").headers["Read-After"]
    assert Position.parse(token.partition("-")[2]) >= before
    body = {"query": "{ shop { name } }"}
    assert "Read-After" not in client_for(tenant).post("/graphql/", body, "application/json").headers


def test_a_request_that_wrote_nothing_gets_no_token():
    positions.forget_written()
    response = HttpResponse()
    read_after.write_token(response)
    assert (response.headers.get("Read-After"), dict(response.cookies)) == (None, {})


def test_the_later_of_two_tokens_counts(tenant):
    system = replicas.cluster().system_id
    first, second = f"{system}-{Position(1, 5)}", f"{system}-{Position(1, 6)}"
    assert read_after.read_token(request(header=first, cookie=second)) == Position(1, 6)
    assert read_after.read_token(request(header=second, cookie=first)) == Position(1, 6)


@pytest.mark.parametrize(
    "token", ["x", "1-2", f"1-{'z' * 24}", f"-{'0' * 24}", f"{'1' * 21}-{'0' * 24}", "٣-" + "0" * 24]
)
def test_a_header_that_is_no_token_is_refused_and_such_a_cookie_ignored(token):
    with pytest.raises(read_after.BadToken, match="Read-After"):
        read_after.read_token(request(header=token))
    assert read_after.read_token(request(cookie=token)) is None


def test_a_token_of_another_cluster_counts_for_nothing():
    token = f"1234567-{Position(1, 2**60)}"
    assert read_after.read_token(request(header=token, cookie=token)) is None
