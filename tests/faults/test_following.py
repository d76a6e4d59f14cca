"""A standby is promoted, and another one follows it: from when on may that be read from?"""

from commerce.stack.layout import Stack
from tests.faults.conftest import Servers, driving, whole


def address(stack: Stack, server: str) -> str:
    return stack.database_url("commerce_app", server)


def test_a_standby_that_follows_a_promoted_one_is_used_once_its_timeline_is_known(servers: Servers):
    """It has all that the promoted one writes; only its control file tells so, at its next restart point."""
    with servers.second_standby() as second:
        urls = f"{address(servers.stack, 'standby')},{address(servers.stack, second)}"
        with driving(servers, REPLICA_URLS=urls) as load:
            load.until(lambda found: set(found["health"].values()) == {"ok"} and whole(found))
            servers.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
            servers.on_primary("SELECT pg_reload_conf()")
            load.until(whole)
            servers.kill("primary")
            assert not (found := load.during(1))["faults"], found
            servers.on_standby("SELECT pg_promote()")
            found = load.until(lambda found: found["health"]["default"] == "ok" and whole(found))
            assert found["health"] == {"default": "ok", "replica": "ok", "replica2": "behind"}
            with servers.superuser(second) as superuser:
                superuser.execute("CHECKPOINT")
            load.until(lambda found: found["health"]["replica2"] == "ok" and whole(found))
