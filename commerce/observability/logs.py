import logging

from commerce.db.scope import current_scope


class TenantFilter(logging.Filter):
    """Give each log line the number of the tenant in scope as `tenant`, "-" outside a scope, "*" for all."""

    def filter(self, record: logging.LogRecord) -> bool:
        scope = current_scope()
        record.tenant = "-" if scope is None else "*" if scope.tenant_id is None else scope.tenant_id
        return True
