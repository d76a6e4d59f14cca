"""Tasks that write a line of JSON to a file for each time that they begin and end."""

import json
import os
import time
from datetime import datetime

from celery import current_app, shared_task

from commerce.db.scope import tenant_scope
from commerce.db.tasks import TenantTask, TenantWork
from commerce.jobs.schedule import Every
from commerce.outbox.models import Event


def _write(path: str, **seen) -> None:
    with open(path, "a") as file:
        file.write(json.dumps({"pid": os.getpid(), "at": time.time(), **seen}) + "\n")


@shared_task(base=TenantTask)
def note(*, tenant_id: int, path: str, seconds: float = 0) -> None:
    _write(path, did="begin", tenant=tenant_id)
    time.sleep(seconds)
    _write(path, did="end", tenant=tenant_id)


@shared_task(base=TenantTask, queue_name="bulk")
def note_slowly(*, tenant_id: int, path: str, seconds: float) -> None:
    note.run(tenant_id=tenant_id, path=path, seconds=seconds)


@shared_task(base=TenantTask, queue_name="webhooks")
def note_quickly(*, tenant_id: int, path: str) -> None:
    note.run(tenant_id=tenant_id, path=path)


@shared_task(base=TenantWork, soft_time_limit=2, time_limit=3)
def hang(*, tenant_id: int, path: str) -> None:
    """Pay no heed to being told."""
    _write(path, did="begin", tenant=tenant_id)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except Exception as told:
            _write(path, did=type(told).__name__)


@shared_task(base=TenantWork)
def devour(*, tenant_id: int, path: str) -> None:
    """Ask for more memory than there may be."""
    try:
        bytearray(2 * 1024**3)
    except MemoryError:
        _write(path, did="MemoryError")
        raise
    _write(path, did="devoured")


@shared_task(base=TenantWork)
def swell(*, tenant_id: int, path: str, mib: int) -> None:
    """Keep memory, so that the process is to be replaced."""
    swell.kept = bytearray(os.urandom(1024 * 1024) * mib)
    _write(path, did="swell")


@shared_task(base=TenantWork)
def finish_once(*, tenant_id: int, path: str, event: str, seconds: float) -> None:
    """Delete a row after a while, and write down whether it was there: the effect that must not happen twice."""
    _write(path, did="begin")
    time.sleep(seconds)
    with tenant_scope(tenant_id):
        deleted, _ = Event.objects.filter(id=event).delete()
    _write(path, did="end", effect=bool(deleted))


@shared_task(bind=True)
def tick(task, *, path: str) -> None:
    """Write down which slot it was sent in: it expires when that ends."""
    slot = datetime.fromisoformat(task.request.expires).timestamp() // 2
    _write(path, did="tick", slot=slot)


if path := os.environ.get("TICK_PATH"):  # of a beat that these tests start
    current_app.conf.beat_schedule["test-tick"] = {"task": tick.name, "schedule": Every(2), "kwargs": {"path": path}}
