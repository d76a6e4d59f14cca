"""What the catalogue hears of."""

from catalog.search import pending, tasks
from commerce.outbox import EventRecord, subscribe


def _write_documents(event: EventRecord) -> None:
    tasks.wake(event.tenant_id)


subscribe(pending.DUE, _write_documents)
