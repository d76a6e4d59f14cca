"""A short form of `make faults`: each kind of kill once, under load, and what a real receiver got."""

from collections import Counter

import pytest

from tests.faults.conftest import Servers
from tests.faults.events import rounds
from tests.faults.events.cluster import TARGETS, Cluster


@pytest.mark.timeout(600)  # a minute and a half on a machine of its own
def test_killed_one_after_the_other_nothing_is_lost_doubled_or_out_of_order(servers: Servers, tmp_path):
    # As short as a lease may be, so that what a killed worker had is soon sent by the next.
    with Cluster(servers, tmp_path, more={"WEBHOOK_LEASE": "25"}).up() as cluster:
        result = rounds.run(cluster, rounds=len(TARGETS))
    found = result.findings
    assert found.is_clean, rounds.table(result)
    assert found.received > 100
    load = sum((tally.load for tally in result.tallies.values()), start=Counter())
    assert load["by operations"] > 50
    assert load["by admin"] > 0
    assert load["by REST"] > 0
    assert load["undone"] > 0
    assert load["unknown"] > 0, "some of the kills were felt"
