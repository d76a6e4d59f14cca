"""Writing people and channels from the admin: the row, its event, and clear errors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, connection, models, transaction
from django.http import HttpRequest

from commerce import outbox
from commerce.errors import DomainError
from tenants.admin.base import TenantAdmin


class ShopAdmin(TenantAdmin):
    """Pages of a model of this app. `event_kind` is the dialect's type, `event_word` the word in its events.

    `event_besides` are events for changes of some columns, by their verb; `last_known` is what a deletion tells of.
    """

    event_kind = ""
    event_word = ""
    event_besides: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    last_known: tuple[str, ...] = ()

    def write(self, request: HttpRequest, obj: Any) -> None:
        old = None if obj._state.adding else type(obj)._base_manager.filter(pk=obj.pk).first()
        self._run(obj, lambda: obj.save(force_insert=obj._state.adding))
        obj.refresh_from_db(fields=["version", "updated_at"])
        self._publish(request, "created" if old is None else "updated", obj.pk, obj.version)
        for verb, columns in self.event_besides.items():
            if old is not None and any(getattr(old, name) != getattr(obj, name) for name in columns):
                self._publish(request, verb, obj.pk, obj.version)

    def erase(self, request: HttpRequest, obj: Any) -> None:
        identity, version = obj.pk, obj.version + 1
        self._run(obj, obj.delete)
        self._publish(request, "deleted", identity, version, {name: getattr(obj, name) for name in self.last_known})

    def _run(self, obj: models.Model, write: Any) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                write()
                # Foreign keys are checked at commit otherwise, when nobody is left to tell.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError as error:
            raise _explain(error, obj) from error

    def _publish(
        self, request: HttpRequest, verb: str, identity: Any, version: int, facts: dict[str, Any] | None = None
    ) -> None:
        outbox.publish(
            f"tenants.{self.event_word}.{verb}",
            object_kind=self.event_kind,
            object_id=identity,
            object_version=version,
            payload=facts or {},
            actor=f"user:{request.user.pk}",
        )


def _explain(error: IntegrityError, obj: models.Model) -> DomainError:
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    for constraint in obj._meta.constraints:
        if constraint.name == name and isinstance(constraint, models.UniqueConstraint):
            field = constraint.fields[-1]
            return DomainError(
                f"There is another {obj._meta.verbose_name} with this {field}.", code="UNIQUE", field=field
            )
    return DomainError(f"The database refused this {obj._meta.verbose_name} ({name}).")
