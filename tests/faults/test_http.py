"""What shoppers and staff see through the web process while its database servers fail, one fault after the other.

Writes come from a process of their own; the reads after them go to gunicorn with the token of the write. The web
process is never restarted. The faults follow each other on one stack, and each leaves it whole; the promotion is last.
"""

import time
from typing import NamedTuple

import pytest
import requests

from tests.faults.conftest import Driver, Servers, Web, driving, serving, whole


class Running(NamedTuple):
    web: Web
    load: Driver


@pytest.fixture(scope="module")
def running(servers: Servers):
    with serving(servers) as web, driving(servers, DRIVER_WEB=web.url) as load:
        workers = web.workers()
        load.until(whole)
        yield Running(web, load)
        assert web.workers() == workers, "no worker was replaced"


def is_ready(running: Running, code: int, status: str) -> bool:
    """Wait until the worker that happens to answer says so; each learns by itself."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer = running.web.get("/health/ready", running.load.host)
        if (answer.status_code, answer.json()["status"]) == (code, status):
            return True
        time.sleep(0.1)
    return False


def test_a_header_that_is_no_token_is_refused(running: Running):
    answer = requests.post(
        f"{running.web.url}/graphql/",
        json={"query": "{ shop { name } }"},
        headers={"Host": running.load.host, "Read-After": "yesterday"},
        timeout=30,
    )
    assert answer.status_code == 400
    assert "Read-After" in answer.json()["errors"][0]["message"]


def test_while_replay_is_paused_nobody_misses_an_own_write(servers: Servers, running: Running):
    servers.on_standby("SELECT pg_wal_replay_pause()")
    try:
        found = running.load.during(3)
    finally:
        servers.on_standby("SELECT pg_wal_replay_resume()")
    assert not found["faults"], found
    assert whole(found), found


def test_a_standby_that_dies_and_comes_back(servers: Servers, running: Running):
    running.load.report()
    servers.kill("standby")
    assert not (found := running.load.during(2))["faults"], found
    assert whole(found), found
    assert is_ready(running, 200, "ok")
    servers.start("standby")
    running.load.until(whole)


def test_a_standby_that_hangs_and_goes_on(servers: Servers, running: Running):
    servers.freeze("standby")
    try:
        assert not (found := running.load.during(4))["faults"], found
        running.load.until(whole)
    finally:
        servers.thaw("standby")
    running.load.until(whole)


def test_a_primary_that_dies_and_comes_back(servers: Servers, running: Running):
    """Reads go on; staff who would write are told when to try again."""
    running.load.report()
    servers.kill("primary")
    found = running.load.during(3)
    admin = running.web.get("/admin/login/", running.load.host)
    is_reading = is_ready(running, 200, "read-only")
    servers.start("primary")
    assert not found["faults"], found
    assert found["reads"] > 50, found
    assert "reads_unavailable" not in found
    assert found["writes_unavailable"], found
    assert (admin.status_code, admin.headers["Retry-After"]) == (503, "2")
    assert is_reading
    running.load.until(whole)
    assert running.web.get("/admin/login/", running.load.host).status_code == 200
    assert is_ready(running, 200, "ok")


def test_no_server_at_all_and_both_back(servers: Servers, running: Running):
    servers.kill("standby")
    servers.kill("primary")
    try:
        found = running.load.until(lambda found: found.get("writes_unavailable"))
        assert "writes" not in found
        assert is_ready(running, 503, "unavailable")
        # What is kept is served on; a caller with credentials is not, and asks a database.
        asked = requests.post(
            f"{running.web.url}/graphql/",
            json={"query": '{ channel(slug: "default-channel") { name } }'},
            headers={"Host": running.load.host, "Authorization": "Basic none"},
            timeout=10,
        )
        assert (asked.status_code, asked.headers["Retry-After"]) == (503, "2")
    finally:
        servers.start("primary")
        servers.start("standby")
    running.load.until(whole)


def test_a_standby_that_is_promoted_takes_the_writes(servers: Servers, running: Running):
    """Commits wait for the standby, so that no acknowledged write may be missing afterwards."""
    servers.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
    servers.on_primary("SELECT pg_reload_conf()")
    running.load.until(whole)
    servers.kill("primary")
    assert not (found := running.load.during(2))["faults"], found
    assert "reads_unavailable" not in found
    servers.on_standby("SELECT pg_promote()")
    running.load.until(whole)
    assert running.web.get("/admin/login/", running.load.host).status_code == 200
