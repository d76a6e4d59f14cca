"""Which tenant a host belongs to: kept by each process for as long as no tenant and no domain changes.

Every change of a tenant or a domain raises the version of the topic `hosts`, so that a host costs a look at that
version and no SQL, and a change is seen by the next request of every process.
"""

from typing import NamedTuple

from commerce.cache import versions
from commerce.cache.versions import Seen
from commerce.db import replicas
from commerce.db.positions import AHEAD_OF_ALL, Position
from tenants import queries
from tenants.queries import TenantRecord

# Whose versions those of the platform's own tables are, and the topic of tenants and domains.
PLATFORM = 0
TOPICS = ("hosts",)
# Hosts that one process keeps; beyond that it begins anew.
MOST = 10_000


class _Kept(NamedTuple):
    record: TenantRecord
    since: Position


_kept: dict[str, _Kept] = {}


def find(host: str) -> TenantRecord | None:
    """Return the tenant of a host (lower case, no port) as it is now, or None.

    One round trip to Redis, and one statement where the host is new or something has changed. Without Redis
    the database is asked each time.
    """
    seen = versions.look(PLATFORM, TOPICS)
    kept = _kept.get(host)
    if kept and seen and seen.newest <= kept.since:
        return kept.record
    record, may_be_kept = _read(host, seen)
    if record is None or seen is None or not may_be_kept:
        _kept.pop(host, None)
    else:
        if len(_kept) >= MOST:
            _kept.clear()
        _kept[host] = _Kept(record, seen.since)
    return record


def _read(host: str, seen: Seen | None) -> tuple[TenantRecord | None, bool]:
    """Return the host's tenant, and whether it was read where everything is that was seen to be published."""
    since = seen.since if seen else AHEAD_OF_ALL

    def read(alias: str) -> tuple[TenantRecord | None, bool]:
        is_current = replicas.has_replayed(alias, since)
        return queries.get_tenant_by_host(host, alias), is_current

    return replicas.reading(read, ideally=since)
