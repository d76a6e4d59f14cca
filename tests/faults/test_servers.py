"""What processes that read and write see while their database servers fail, one fault after the other.

The faults follow each other on one stack, and each leaves it whole; the promotion is the last.
"""

import pytest

from tests.faults.conftest import Driver, Servers, driving, whole


@pytest.fixture(scope="module")
def load(servers: Servers):
    with driving(servers) as driver:
        driver.until(lambda found: found.get("reads") and found.get("reads_after") and found.get("writes"))
        yield driver


def test_while_replay_is_paused_nobody_misses_an_own_write(servers: Servers, load: Driver):
    servers.on_standby("SELECT pg_wal_replay_pause()")
    try:
        found = load.during(3)
    finally:
        servers.on_standby("SELECT pg_wal_replay_resume()")
    assert not found["faults"]
    assert whole(found), found
    load.until(whole)


def test_a_standby_that_dies_and_comes_back(servers: Servers, load: Driver):
    load.report()
    servers.kill("standby")
    assert not (found := load.during(2))["faults"], found
    assert whole(found), found
    servers.start("standby")
    load.until(whole)


def test_a_standby_that_hangs_and_goes_on(servers: Servers, load: Driver):
    """It keeps its connections and says nothing. Whoever waits for it is sent to the primary."""
    servers.freeze("standby")
    try:
        assert not (found := load.during(4))["faults"], found
        assert whole(found := load.until(whole)), found
    finally:
        servers.thaw("standby")
    load.until(whole)


def test_a_primary_that_dies_and_comes_back(servers: Servers, load: Driver):
    load.report()
    servers.kill("primary")
    found = load.during(4)
    servers.start("primary")
    assert not found["faults"], found
    assert found["reads"] > 100, found
    assert "reads_unavailable" not in found
    assert found["writes_unavailable"] > 4, found
    load.until(whole)


def test_a_standby_that_is_promoted_takes_the_writes(servers: Servers, load: Driver):
    """Commits wait for the standby, so that no acknowledged write may be missing afterwards."""
    servers.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
    servers.on_primary("SELECT pg_reload_conf()")
    load.until(whole)
    load.during(1)
    servers.kill("primary")
    assert not (found := load.during(2))["faults"], found
    servers.on_standby("SELECT pg_promote()")
    load.until(whole)
