from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce.errors import DomainError
from commerce.jobs import jobs
from commerce.jobs.models import Job
from tenants import operations, queries
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Look at a tenant's long jobs, and stop them (docs/workers.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="show a tenant's jobs, the latest first")
        listing.add_argument("--limit", type=int, default=20)
        listing.add_argument("--unfinished", action="store_true", help="only those that wait or run")
        for verb, help_ in (("show", "show a job with what it was asked"), ("cancel", "have a job stop")):
            verbs.add_parser(verb, help=help_).add_argument("id", type=UUID)
        for each in verbs.choices.values():
            each.add_argument("--tenant", metavar="SLUG", required=True)

    def handle(self, *args: Any, verb: str, tenant: str, **options: Any) -> None:
        try:
            with _tenant(tenant, f"jobs {verb} {tenant}"):
                getattr(self, f"_{verb}")(**options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _list(self, *, limit: int, unfinished: bool, **_: Any) -> None:
        for job in jobs.list_latest(at_most=limit, only_unfinished=unfinished):
            told = " ".join((job.error or job.message).split())[:200]
            self.stdout.write(f"{job.id}\t{job.created_at:%Y-%m-%d %H:%M}\t{job.kind}\t{_state(job)}\t{told}")

    def _show(self, *, id: UUID, **_: Any) -> None:
        job = jobs.get(id)
        lines = {
            "kind": job.kind,
            "state": _state(job),
            "message": job.message,
            "error": job.error,
            "tries": job.tries,
            "created": job.created_at.isoformat(timespec="seconds"),
            "last seen": job.seen_at.isoformat(timespec="seconds"),
            "finished": job.finished_at.isoformat(timespec="seconds") if job.finished_at else "",
            "arguments": orjson.dumps(job.arguments).decode(),
            "goes on at": orjson.dumps(job.state).decode(),
        }
        for name, value in lines.items():
            self.stdout.write(f"{name:<11}{value}".rstrip())

    def _cancel(self, *, id: UUID, **_: Any) -> None:
        jobs.cancel(id)
        self.stdout.write(f"{id}: {_state(jobs.get(id))}")


def _state(job: Job) -> str:
    word = "stopping" if job.is_cancel_asked and not job.finished_at else job.status
    return f"{word} {job.done}" + (f" of {job.total}" if job.total else "")


@contextmanager
def _tenant(slug: str, command: str) -> Iterator[None]:
    with operations.all_tenants(reason="look after jobs", operator=current_operator(), command=command):
        tenant = queries.get_tenant_by_slug(slug)
        if tenant is None:
            raise DomainError(f"There is no tenant {slug!r}.", field="tenant")
        with operations.as_tenant(tenant):
            yield
