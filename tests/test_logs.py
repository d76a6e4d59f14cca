import logging

from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.observability.logs import TenantFilter


def _marked() -> object:
    record = logging.LogRecord("commerce", logging.INFO, __file__, 1, "message", None, None)
    assert TenantFilter().filter(record)
    return record.tenant


def test_log_lines_carry_the_tenant_in_scope(tenant):
    assert _marked() == "-"
    with tenant_scope(tenant.id):
        assert _marked() == tenant.id
    with open_scope(Scope(tenant_id=None, alias="relay")):
        assert _marked() == "*"
