"""Long work of a tenant with visible progress, which outlives its worker.

A kind of work is a function of steps: `@jobs.handler("catalog.import")` above `def import_(job: Running) -> None`.
`jobs.start(…)` writes the row; a worker of the queue `bulk` takes it. Each step commits together with the progress it
made, so that a worker that takes over goes on at `job.state`, after the last step that was committed:

    while rows := read(job.arguments["file"], job.state.get("line", 0)):
        with job.step(done=len(rows), state={"line": …}, message="…"):
            write(rows)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connections, transaction

from commerce.db.models import new_id
from commerce.db.scope import Scope, current_scope, current_tenant_id, open_scope, tenant_scope
from commerce.db.tenants import RELAY
from commerce.errors import DomainError
from commerce.jobs.models import Job

# Seconds of silence after which a job's worker counts as dead: longer than one step may take (statement_timeout 30 s).
SILENT_AFTER = 120
# How often a job is taken before it fails, for a job that kills its workers must not go on for ever.
MOST_TRIES = 3

_TAKE = """
UPDATE jobs_job SET status = 'running', holder = %s, tries = tries + 1, seen_at = statement_timestamp()
WHERE id = %s AND status = 'queued'
RETURNING kind, arguments, state, done
"""
_STEP = """
UPDATE jobs_job SET done = done + %s, total = coalesce(%s, total), state = coalesce(%s::jsonb, state),
       message = coalesce(%s, message), seen_at = statement_timestamp()
WHERE id = %s AND holder = %s AND status = 'running' AND NOT is_cancel_asked
"""
_FINISH = """
UPDATE jobs_job SET status = %s, error = %s, holder = NULL, finished_at = statement_timestamp()
WHERE id = %s AND holder = %s AND status = 'running'
"""
# Its time is over, not its work: another task goes on with it, after so many seconds if need be.
_PUT_BACK = """
UPDATE jobs_job SET status = CASE WHEN is_cancel_asked THEN 'cancelled' ELSE 'queued' END, holder = NULL,
       tries = tries - 1, seen_at = statement_timestamp() + make_interval(secs => %s), message = coalesce(%s, message),
       finished_at = CASE WHEN is_cancel_asked THEN statement_timestamp() END
WHERE id = %s AND holder = %s AND status = 'running'
"""
_CANCEL = """
UPDATE jobs_job SET is_cancel_asked = true,
       status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
       finished_at = CASE WHEN status = 'queued' THEN statement_timestamp() END
WHERE id = %s AND finished_at IS NULL
"""
_SILENT = """
UPDATE jobs_job SET
  status = CASE WHEN is_cancel_asked THEN 'cancelled' WHEN tries >= %(most)s THEN 'failed' ELSE 'queued' END,
  error = CASE WHEN tries >= %(most)s AND NOT is_cancel_asked
               THEN 'Its worker died ' || tries || ' times: it is not tried again.' ELSE error END,
  finished_at = CASE WHEN is_cancel_asked OR tries >= %(most)s THEN statement_timestamp() END,
  holder = NULL, seen_at = statement_timestamp()
WHERE finished_at IS NULL AND seen_at < statement_timestamp() - make_interval(secs => %(after)s)
RETURNING tenant_id, id, status
"""


class JobStopped(DomainError):
    """The job was cancelled, or another worker has taken it over: what this step did is undone."""


class TryLater(Exception):
    """Raised by a job that cannot go on now: it is taken up again, after its last step, when `seconds` have passed.

    That does not count among its tries. `message` says why it waits.
    """

    def __init__(self, seconds: float, message: str) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.message = message


class JobNotFound(DomainError):
    """The tenant has no such job."""


@dataclass(slots=True)
class Running:
    """A job in the hands of this worker."""

    tenant_id: int
    id: UUID
    holder: UUID
    arguments: dict[str, Any]
    state: dict[str, Any]
    done: int = 0

    @contextmanager
    def step(
        self,
        *,
        done: int = 0,
        total: int | None = None,
        state: dict[str, Any] | None = None,
        message: str | None = None,
    ) -> Iterator[None]:
        """Open the tenant's scope, in which the work of one step and its progress commit together; some 30 s at most.

        Raises JobStopped, and undoes the step, where the job was cancelled or taken over.
        """
        with tenant_scope(self.tenant_id):
            yield
            packed = None if state is None else orjson.dumps(state).decode()
            if not _execute(_STEP, [done, total, packed, message, self.id, self.holder]):
                raise JobStopped(f"Job {self.id} was cancelled, or another worker has it.")
        self.done += done
        self.state = self.state if state is None else state


Handler = Callable[[Running], None]
_handlers: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Have a function do the jobs of a kind; put it into an app's `tasks.py`, which workers import."""

    def register(function: Handler) -> Handler:
        _handlers[kind] = function
        return function

    return register


def start(
    kind: str, arguments: dict[str, Any], *, total: int | None = None, permission: str = "", id: UUID | None = None
) -> UUID:
    """Write a job of the scope's tenant, wake a worker when the transaction commits, and return the job's id.

    Staff see and stop it who have the `permission`. With an `id` the job is made once, however often it is started.
    """
    tenant_id, scope = current_tenant_id(), current_scope()
    wanted = {"kind": kind, "arguments": arguments, "total": total, "permission": permission}
    job, is_new = Job.objects.get_or_create(id=id or new_id(), defaults=wanted)
    if not is_new:
        return job.id
    transaction.on_commit(lambda: wake(tenant_id, job.id), using=scope.alias if scope else None, robust=True)
    return job.id


def wake(tenant_id: int, id: UUID) -> None:
    """Tell a worker of a job. Losing the message costs time: beat finds the row."""
    from commerce.jobs import tasks  # they call back

    tasks.run.apply_async(kwargs={"tenant_id": tenant_id, "job_id": str(id)}, retry=False)


def cancel(id: UUID) -> None:
    """Have the scope's tenant's job stop at its next step, or never begin. Raises JobNotFound where it is over."""
    if not _execute(_CANCEL, [id]):
        raise JobNotFound(f"There is no unfinished job {id}.", field="id")


def list_latest(*, at_most: int, only_unfinished: bool = False) -> list[Job]:
    """Return the scope's tenant's jobs, the latest first."""
    found = Job.objects.filter(finished_at=None) if only_unfinished else Job.objects.all()
    return list(found.order_by("-created_at", "-id")[:at_most])


def get(id: UUID) -> Job:
    """Return a job of the scope's tenant. Raises JobNotFound."""
    job = Job.objects.filter(id=id).first()
    if job is None:
        raise JobNotFound(f"There is no job {id}.", field="id")
    return job


def run(tenant_id: int, id: UUID) -> None:
    """Do a job, if it waits and nobody else has it, and write down how it ended. Raises what its function raises."""
    with tenant_scope(tenant_id), connections["default"].cursor() as cursor:
        holder = uuid4()
        cursor.execute(_TAKE, [holder, id])
        row = cursor.fetchone()
    if row is None:
        return
    kind, arguments, state, done = row
    job = Running(tenant_id, id, holder, orjson.loads(arguments), orjson.loads(state), done)
    try:
        if kind not in _handlers:
            raise DomainError(f"No function does jobs of the kind {kind!r}.")
        _handlers[kind](job)
    except JobStopped:
        _finish(job, Job.Status.CANCELLED)
    except SoftTimeLimitExceeded:
        with tenant_scope(tenant_id):
            _execute(_PUT_BACK, [0, None, id, holder])
        wake(tenant_id, id)
    except TryLater as later:
        with tenant_scope(tenant_id):  # `revive` finds it when it has been silent for long enough
            _execute(_PUT_BACK, [later.seconds - SILENT_AFTER, later.message[:500], id, holder])
    except Exception as error:
        _finish(job, Job.Status.FAILED, f"{type(error).__name__}: {error}")
        raise
    else:
        _finish(job, Job.Status.DONE)


def revive() -> list[tuple[int, UUID]]:
    """Take the jobs of all tenants from workers that fell silent, and wake others for them and for those that waited.

    Returns the tenant and id of each that was woken. A job that was taken three times fails, and says so. One
    statement, by the relay's role.
    """
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_SILENT, {"most": MOST_TRIES, "after": SILENT_AFTER})
        found = [(tenant_id, job_id) for tenant_id, job_id, status in cursor.fetchall() if status == Job.Status.QUEUED]
    for tenant_id, job_id in found:
        wake(tenant_id, job_id)
    return found


def _finish(job: Running, status: Job.Status, error: str = "") -> None:
    with tenant_scope(job.tenant_id):
        _execute(_FINISH, [status.value, error.replace("\0", "")[:2000], job.id, job.holder])


def _execute(sql: str, parameters: list[Any]) -> int:
    scope = current_scope()
    with connections[scope.alias if scope else "default"].cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
