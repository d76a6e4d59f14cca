"""The column that makes a table a tenant's."""

from typing import Any

from django.db import models

from commerce.db.scope import current_tenant_id


class TenantField(models.IntegerField[int, int]):
    """The owning tenant's number, filled from the scope; its presence makes the table tenant-owned."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.update(default=current_tenant_id, editable=False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        del kwargs["default"], kwargs["editable"]
        return name, "commerce.db.fields.TenantField", args, kwargs
