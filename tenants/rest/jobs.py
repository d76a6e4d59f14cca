"""Long work of the shop: how far it is, and stopping it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from commerce.idempotency import Answer
from commerce.jobs import jobs
from commerce.jobs.models import Job
from commerce.rest.filters import Filter, read_filters
from commerce.rest.paging import read_limit, read_page
from commerce.rest.problems import Problem
from commerce.rest.resources import page_of
from commerce.rest.schema import CURSOR, LIMIT, Operation, parameter_of
from commerce.rest.views import answer
from tenants.permissions import jobs_of
from tenants.rest import Need, ShopView

_STATUS = Filter("status", "status", choices=tuple(Job.Status.values))
_KIND = Filter("kind", "kind")


class JobSerializer(serializers.Serializer[Any]):
    """Long work: `done` of `total` (null: not known yet) as `message` counts them."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=Job.Status.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    error = serializers.CharField()
    is_cancel_asked = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class Jobs(ShopView):
    """Long work that the app has the permission to see, in the order of its beginning."""

    noun = "job"
    tag = "Jobs"
    reads, writes = Need("jobs:read"), Need("jobs:write")
    lookup_field = "id"
    lookup_value_converter = "uuid"

    def rows(self) -> Any:
        """Return the jobs that the caller may see, as a queryset."""
        return Job.objects.filter(jobs_of(self.caller.app.permissions if self.caller.app else ()))

    def list(self, request: Request) -> HttpResponse:
        """Answer with a page of jobs."""
        given = request.query_params
        wanted = read_filters((_STATUS, _KIND), given, ("limit", "cursor"))
        limit = read_limit(given)
        name = "job " + " ".join(sorted(f"{f.name}={given[f.name]}" for f in wanted))

        def read() -> Answer:
            rows = self.rows().filter(**{f.lookup: value for f, value in wanted.items()})
            page = read_page(rows, ("id",), limit=limit, cursor=given.get("cursor"), list_name=name)
            return answer({"items": JobSerializer(page.rows, many=True).data, "next_cursor": page.next_cursor})

        return self.reading(read)

    def retrieve(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with one job."""
        self.refuse_parameters(request)
        return self.reading(lambda: answer(JobSerializer(self._find(id)).data))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: UUID) -> HttpResponse:
        """Have a job stop at its next step, or never begin."""
        self.refuse_parameters(request)

        def write() -> Answer:
            job = self._find(id)
            if job.finished_at is not None:
                raise Problem.of(409, "FINISHED", f"The job is {job.status} already.")
            jobs.cancel(id)
            return answer(JobSerializer(self._find(id)).data)

        return self.writing(write)

    def _find(self, id: UUID) -> Job:
        found: Job | None = self.rows().filter(id=id).first()
        if found is None:
            raise Problem.of(404, "NOT_FOUND", f"There is no job {id}, or the app may not see it.", "id")
        return found

    def describe(self, action: str) -> Operation:
        if action == "list":
            parameters = [LIMIT, CURSOR, parameter_of(_STATUS), parameter_of(_KIND)]
            return Operation("list_jobs", "List jobs", None, {200: page_of(JobSerializer)}, parameters)
        if action == "retrieve":
            return Operation("get_job", "Read a job", None, {200: JobSerializer})
        return Operation("cancel_job", "Stop a job", None, {200: JobSerializer})
