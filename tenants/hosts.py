"""Which tenant a host belongs to: kept by each process for as long as no tenant and no domain changes.

Every change of a tenant or a domain raises the version of the topic `hosts`, so that a host costs a look at that
version and no SQL, and a change is seen by the next request of every process.
"""

from functools import partial

from commerce.cache.remembered import Remembered
from tenants import queries
from tenants.queries import TenantRecord

# Whose versions those of the platform's own tables are.
PLATFORM = 0
_hosts: Remembered[str, TenantRecord | None] = Remembered(["hosts"], most=10_000)


def find(host: str) -> TenantRecord | None:
    """Return the tenant of a host (lower case, no port) as it is now, or None; at most one statement."""
    return _hosts.get(host, tenant=PLATFORM, read=partial(queries.get_tenant_by_host, host))
