from collections.abc import Collection
from types import ModuleType
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce.errors import DomainError
from commerce.jobs import broker, heartbeats
from commerce.jobs.queues import QUEUES
from commerce.outbox import repair as outbox
from commerce.webhooks import repair as webhooks
from tenants import operations, queries
from tenants.operators import current_operator

# What dies as a row of a tenant's, each with the functions `list_dead`, `retry` and `drop`.
ROWS: dict[str, ModuleType] = {"outbox": outbox, "webhooks": webhooks}


class Command(BaseCommand):
    help = "Look at the queues and their workers, and repair what is stuck in them (docs/workers.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        status = verbs.add_parser("status", help="show what waits in each queue, and which workers live")
        status.add_argument("--check", action="store_true", help="fail where a queue has no living worker")
        listing = verbs.add_parser("list", help="show the messages that are next, or a tenant's dead rows")
        listing.add_argument("queue", choices=list(dict.fromkeys([*QUEUES, *ROWS])))
        listing.add_argument("--tenant", metavar="SLUG", help=f"whose dead rows ({', '.join(ROWS)})")
        listing.add_argument("--limit", type=int, default=20)
        for verb, help_ in (("retry", "try a tenant's dead rows again"), ("drop", "delete a tenant's dead rows")):
            repair = verbs.add_parser(verb, help=help_)
            repair.add_argument("queue", choices=[*ROWS])
            repair.add_argument("--tenant", metavar="SLUG", required=True)
            which = repair.add_mutually_exclusive_group(required=True)
            which.add_argument("--id", type=UUID, action="append", dest="ids", help="one row; may be repeated")
            which.add_argument("--all", action="store_true", help="all of them")
            repair.add_argument("--reason", default="operator's request", help="kept in the audit")
        purge = verbs.add_parser("purge", help="throw away a queue's waiting messages; rows are found again by beat")
        purge.add_argument("queue", choices=[*QUEUES])
        purge.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(**options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _status(self, *, check: bool, **_: Any) -> None:
        workers = heartbeats.list_workers()
        living = [worker for worker in workers if not worker.is_silent]
        self.stdout.write(f"{'queue':<10}{'waiting':>9}{'held':>7}{'workers':>9}")
        unserved = []
        for name, depth in broker.depths().items():
            serving = sum(name in worker.queues for worker in living)
            if not serving:
                unserved.append(name)
            self.stdout.write(f"{name:<10}{depth.waiting:>9}{depth.held:>7}{serving or 'NONE':>9}")
        for worker in workers:
            state = "SILENT for" if worker.is_silent else "seen before"
            self.stdout.write(f"{worker.name}: {state} {worker.age.total_seconds():.0f} s ({', '.join(worker.queues)})")
        if counts := outbox.count():
            oldest = f", the oldest {counts.oldest:.0f} s old" if counts.oldest is not None else ""
            self.stdout.write(f"outbox: {counts.pending} events to deliver{oldest}; {counts.dead} dead")
        if check and unserved:
            raise CommandError(f"No living worker serves {', '.join(unserved)}.")

    def _list(self, *, queue: str, tenant: str | None, limit: int, **_: Any) -> None:
        if tenant is None and queue in QUEUES:
            for message in broker.peek(queue, at_most=limit):
                again = "\tagain" if message.is_again else ""
                self.stdout.write(f"{message.id}\t{message.task}\ttenant {message.tenant_id or '-'}{again}")
            return
        if tenant is None:
            raise CommandError(f"Whose rows? `queue list {queue} --tenant SLUG`.")
        if queue not in ROWS:
            raise CommandError(f"{queue} has messages, and no tenant's rows ({', '.join(ROWS)} have): drop --tenant.")
        with (
            operations.all_tenants(
                reason="look at dead rows", operator=current_operator(), command=f"queue list {queue} {tenant}"
            ),
            operations.as_tenant(_tenant(tenant)),
        ):
            rows = ROWS[queue].list_dead(at_most=limit)
        for row in rows:
            error = " ".join(row.error.split())[:200]
            self.stdout.write(f"{row.id}\t{row.type}\t{row.object_kind} {row.object_id}\t{row.attempts}×\t{error}")

    def _retry(self, *, queue: str, ids: list[UUID] | None, **options: Any) -> None:
        self.stdout.write(f"{self._repair('retry', queue, ids, **options)} rows are tried again")

    def _drop(self, *, queue: str, ids: list[UUID] | None, **options: Any) -> None:
        self.stdout.write(f"dropped {self._repair('drop', queue, ids, **options)} rows")

    def _repair(
        self, verb: str, queue: str, ids: Collection[UUID] | None, *, tenant: str, reason: str, **_: Any
    ) -> int:
        with (
            operations.all_tenants(
                reason=reason, operator=current_operator(), command=f"queue {verb} {queue} {tenant}"
            ),
            operations.as_tenant(_tenant(tenant)),
        ):
            found = int(getattr(ROWS[queue], verb)(ids))
            if ids is not None and found < len(set(ids)):
                raise DomainError(f"Only {found} of these {len(set(ids))} rows of {tenant} are dead: nothing was done.")
        return found

    def _purge(self, *, queue: str, yes: bool, **_: Any) -> None:
        if not yes:
            raise CommandError(f"This throws away the waiting messages of {queue}: say --yes.")
        self.stdout.write(f"threw away {broker.purge(queue)} messages of {queue}")


def _tenant(slug: str) -> Any:
    tenant = queries.get_tenant_by_slug(slug)
    if tenant is None:
        raise DomainError(f"There is no tenant {slug!r}.", field="tenant")
    return tenant
