"""The bases of every Celery task that works on a tenant's rows."""

from typing import TYPE_CHECKING, Any

from celery.contrib.django.task import DjangoTask
from celery.result import AsyncResult

from commerce.db.scope import tenant_scope

if TYPE_CHECKING:
    from celery import Task

    AnyTask = Task[Any, Any]
else:
    AnyTask = DjangoTask


class OutOfMemory(Exception):
    """A task needs more memory than a worker's process may have (WORKER_MEMORY_GROWTH)."""


class Work(AnyTask):
    """What every task is: one that runs out of memory fails like any other.

    Celery would take its MemoryError for the worker's own, end the worker, and have the next one try the task.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except MemoryError:
            raise OutOfMemory(f"{self.name} needs more memory than WORKER_MEMORY_GROWTH allows.") from None


class TenantWork(Work):
    """Run a task of one tenant outside any scope: it opens its own short ones, with the network in between.

    Calling or queuing it without `tenant_id=<number>` raises TypeError at once.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._tenant_id(kwargs)
        return super().__call__(*args, **kwargs)

    def apply_async(self, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any) -> AsyncResult[Any]:
        self._tenant_id(kwargs or {})
        return super().apply_async(args, kwargs, *rest, **options)

    def _tenant_id(self, kwargs: dict[str, Any]) -> int:
        tenant_id = kwargs.get("tenant_id")
        if type(tenant_id) is not int:
            raise TypeError(f"{self.name} needs the keyword tenant_id=<the tenant's number>, not {tenant_id!r}.")
        return tenant_id


class TenantTask(TenantWork):
    """Run a task inside its tenant's scope: one transaction, which commits when the function returns.

    `@shared_task(base=TenantTask)` above `def reindex(*, tenant_id: int, product_id: str) -> None`. A task that
    takes several transactions, or talks to the network, is based on TenantWork. One without either has no tenant,
    and is listed in `commerce.celery.PLATFORM_TASKS` with the reason.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with tenant_scope(self._tenant_id(kwargs)):
            return super().__call__(*args, **kwargs)
