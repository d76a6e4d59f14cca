"""The column that makes a table a tenant's."""

from typing import Any

from django.db import models

from commerce.db.scope import current_scope, current_tenant_id


def _tenant_in_scope() -> int | None:
    scope = current_scope()
    return scope.tenant_id if scope is not None else None


class TenantField(models.IntegerField):  # type: ignore[type-arg]
    """The owning tenant's number, filled from the scope; its presence makes the table tenant-owned."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.update(default=_tenant_in_scope, editable=False)
        super().__init__(**kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        """Return the row's tenant: the scope's where the instance was built outside one."""
        value: int | None = getattr(model_instance, self.attname)
        if value is None:
            value = current_tenant_id()
            setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        del kwargs["default"], kwargs["editable"]
        return name, "commerce.db.fields.TenantField", args, kwargs
