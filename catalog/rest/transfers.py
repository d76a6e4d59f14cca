"""Imports and exports of the catalogue as jobs: starting them, how far they are, stopping them, their files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from catalog import transfers
from catalog.exports import jobs as exports
from catalog.imports import jobs as imports
from catalog.models import Export, Import, ImportProblem
from catalog.rest.base import PRODUCTS
from catalog.transfers import Status
from commerce.db.scope import tenant_scope
from commerce.idempotency import Answer
from commerce.rest.filters import Filter, read_filters
from commerce.rest.paging import read_limit, read_page
from commerce.rest.parsing import JSONParser
from commerce.rest.resources import page_of
from commerce.rest.schema import CURSOR, LIMIT, Operation, parameter_of
from commerce.rest.views import READS, answer
from tenants.rest import Need, ShopView

# Bytes of a body that brings its file along; larger files are sent by the form that is answered.
MOST_BODY = 10 * 1024 * 1024
_OVER = (Status.FINISHED, Status.FAILED, Status.CANCELLED)


class _Input(serializers.Serializer[Any]):
    """A body of which no field is unknown."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            told = [ErrorDetail("There is no such field.", "UNKNOWN_FIELD")]
            raise ValidationError({str(name)[:100]: told for name in unknown[:10]})
        return super().to_internal_value(data)


class _NewImport(_Input):
    format = serializers.ChoiceField(choices=imports.FORMATS)
    channel = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="Of prices and publications of a CSV: its slug."
    )
    mapping = serializers.CharField(
        max_length=imports.MOST_MAPPING,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="YAML that says which column is what, for the format mapping alone.",
    )


class NewImportSerializer(_NewImport):
    """A file that is to be sent by the form that is answered, and taken in by `start` then."""

    file_name = serializers.CharField(max_length=250)
    size = serializers.IntegerField(min_value=1, max_value=2**40, help_text="In bytes.")


class ImportFileSerializer(_NewImport):
    """A file of up to 10 MiB, which is taken in at once."""

    file = serializers.FileField(max_length=250)


class FormSerializer(serializers.Serializer[Any]):
    """Where to send the file: by POST as multipart/form-data, `fields` first and then the field `file`."""

    url = serializers.CharField()
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]


class _TransferSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    file_name = serializers.CharField()
    channel = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Status.values)
    is_stopping = serializers.BooleanField(help_text="It was asked to stop, and has not come to it yet.")
    done = serializers.IntegerField(help_text="Rows or lines that are done.")
    total = serializers.IntegerField(allow_null=True, help_text="Of how many; null: not known yet.")
    size = serializers.IntegerField(help_text="Of the file, in bytes.")
    error = serializers.CharField(allow_blank=True)
    notes = serializers.ListField(child=serializers.CharField(), help_text="What is told of the file as a whole.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(help_text="It is forgotten then, with its files.")


class ImportSerializer(_TransferSerializer):
    """A file on its way in: products (or lines of a catalogue) written, and rows refused."""

    format = serializers.ChoiceField(choices=imports.FORMATS)
    created_count = serializers.IntegerField()
    changed_count = serializers.IntegerField()
    left_count = serializers.IntegerField()
    refused_count = serializers.IntegerField()
    has_error_file = serializers.BooleanField()
    upload = FormSerializer(allow_null=True, help_text="Where to send the file, once it was announced.")


class ExportSerializer(_TransferSerializer):
    """A file on its way out."""

    format = serializers.ChoiceField(choices=exports.FORMATS)


class NewExportSerializer(_Input):
    """What is to be exported: a whole catalogue, or products with the prices of a channel."""

    format = serializers.ChoiceField(choices=exports.FORMATS)
    channel = serializers.CharField(max_length=255, required=False, allow_blank=True)


class ImportProblemSerializer(serializers.Serializer[Any]):
    """Why a row was refused: its number and line in the file, the column, and the row as it stands there."""

    row = serializers.IntegerField(source="row_number")
    line = serializers.IntegerField()
    column = serializers.CharField(source="column_name")
    reason = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]


class DownloadSerializer(serializers.Serializer[Any]):
    """Where the file is to be had, by whoever has the address: at the storage, or a path at this host."""

    url = serializers.CharField()
    file_name = serializers.CharField()
    expires_at = serializers.DateTimeField()


class _Transfers(ShopView):
    """What imports and exports share."""

    reads = Need("catalog:read", PRODUCTS)
    writes = Need("catalog:write", PRODUCTS)
    lookup_field = "id"
    lookup_value_converter = "uuid"
    tag = "Imports and exports"

    noun: ClassVar[str]
    model: ClassVar[type[Import | Export]]
    format_filter: ClassVar[Filter]

    def rows(self) -> "QuerySet[Any]":
        raise NotImplementedError

    def show(self, one: Any) -> dict[str, Any]:
        raise NotImplementedError

    def allow(self, one: Any, format: str = "") -> Any:
        """Return an import or export whose content the caller may read or write, or raise DomainError."""
        verb = "write" if self.model is Import and self.request.method not in READS else "read"
        for area, permission in transfers.needs(one, format):
            Need(f"{area}:{verb}", (permission,)).check(self.caller)
        return one

    def list(self, request: Request) -> HttpResponse:
        """Answer with a page of them, in the order of their beginning."""
        given = request.query_params
        wanted = read_filters((self.format_filter,), given, ("limit", "cursor"))
        limit = read_limit(given)
        name = f"{self.noun} " + " ".join(f"{f.name}={given[f.name]}" for f in wanted)

        def read() -> Answer:
            rows = self.rows().filter(**{f.lookup: value for f, value in wanted.items()})
            page = read_page(rows, ("id",), limit=limit, cursor=given.get("cursor"), list_name=name)
            return answer({"items": [self.show(one) for one in page.rows], "next_cursor": page.next_cursor})

        return self.reading(read)

    def changing(self, find: Callable[[UUID], Any], change: Callable[[UUID], Any], id: UUID) -> HttpResponse:
        """Answer with what a change has made of one of them."""
        self.refuse_parameters(self.request)

        def write() -> Answer:
            self.allow(find(id))
            return answer(self.show(change(id)))

        return self.writing(write)

    def list_parameters(self) -> Sequence[OpenApiParameter]:
        return [LIMIT, CURSOR, parameter_of(self.format_filter)]


class Imports(_Transfers):
    """Files on their way in."""

    noun = "import"
    model = Import
    parser_classes = [JSONParser, MultiPartParser]
    max_body = MOST_BODY
    format_filter = Filter("format", "format", choices=imports.FORMATS)

    def rows(self) -> "QuerySet[Any]":
        return Import.objects.select_related("job", "run")

    def show(self, one: Import, form: Any = None) -> dict[str, Any]:
        run = one.run
        counts = {
            f"{what}_count": getattr(run, f"{what}_count") if run else 0
            for what in ("created", "changed", "left", "refused")
        }
        own = {"has_error_file": bool(one.corrections), "upload": form}
        return dict(ImportSerializer({**_shared(one), **counts, **own}).data)

    def create(self, request: Request) -> HttpResponse:
        """Announce a file, or take it in at once where it came along."""
        self.refuse_parameters(request)
        return self.working(self._take_in if self._has_file() else self._announce)

    def _has_file(self) -> bool:
        return (self.request.content_type or "").startswith("multipart/")

    def _announce(self) -> Answer:
        given = self._checked(NewImportSerializer)
        self.allow(Import, given["format"])
        size = given.pop("size")
        imports.check_size(size)
        one = imports.create_import(**given, actor=self.actor, now=self.now, tenant_id=self.tenant)
        form = imports.upload_form(one, size=size, tenant_id=self.tenant)
        return answer(self.show(one, {"url": form.url, "fields": form.fields}), 201)

    def _take_in(self) -> Answer:
        given = self._checked(ImportFileSerializer)
        self.allow(Import, given["format"])
        file = given.pop("file")
        one = imports.create_import(**given, file_name=file.name, actor=self.actor, now=self.now, tenant_id=self.tenant)
        imports.put_file(one, file, tenant_id=self.tenant)
        return answer(self.show(imports.start_import(one.id, tenant_id=self.tenant)), 201)

    def _checked(self, kind: type[_Input]) -> dict[str, Any]:
        serializer = kind(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def retrieve(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with one import."""
        self.refuse_parameters(request)
        return self.reading(lambda: answer(self.show(imports.get_import(id))))

    @action(detail=True, methods=["post"])
    def start(self, request: Request, id: UUID) -> HttpResponse:
        """Take in the file that was sent."""
        self.refuse_parameters(request)

        def work() -> Answer:
            with tenant_scope(self.tenant, read_only=True):
                self.allow(imports.get_import(id))
            return answer(self.show(imports.start_import(id, tenant_id=self.tenant)))

        return self.working(work)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: UUID) -> HttpResponse:
        """Have an import stop after its batch."""
        return self.changing(imports.get_import, imports.pause_import, id)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: UUID) -> HttpResponse:
        """Go on with an import that was paused, or failed."""
        return self.changing(imports.get_import, imports.resume_import, id)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: UUID) -> HttpResponse:
        """Have an import stop after its batch for good; what is in stays."""
        return self.changing(imports.get_import, imports.cancel_import, id)

    @action(detail=True, methods=["get"])
    def problems(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with a page of what was refused, in the order of the file."""
        given = request.query_params
        read_filters((), given, ("limit", "cursor"))
        limit = read_limit(given)

        def read() -> Answer:
            rows = ImportProblem.objects.filter(run_id=self.allow(imports.get_import(id)).run_id)
            page = read_page(rows, ("number",), limit=limit, cursor=given.get("cursor"), list_name=f"problems {id}")
            items = ImportProblemSerializer(page.rows, many=True).data
            return answer({"items": items, "next_cursor": page.next_cursor})

        return self.reading(read)

    @action(detail=True, methods=["get"], url_path="error-file")
    def error_file(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with where the file of the refused rows is."""
        self.refuse_parameters(request)

        def read() -> Answer:
            return self._download(self.allow(imports.get_import(id)).corrections)

        return self.reading(read)

    def _download(self, file: Any) -> Answer:
        name = str(file).rpartition("/")[2]
        found = transfers.make_download(file, tenant_id=self.tenant, file_name=name, now=self.now)
        return answer(found._asdict())

    def describe(self, action: str) -> Operation:
        one = {200: ImportSerializer}
        match action:
            case "list":
                return Operation(
                    "list_imports", "List imports", None, {200: page_of(ImportSerializer)}, self.list_parameters()
                )
            case "create":
                return Operation(
                    "create_import",
                    "Announce a file, or take one in",
                    {"application/json": NewImportSerializer, "multipart/form-data": ImportFileSerializer},
                    {201: ImportSerializer},
                    description="With a body of JSON the file is sent by the form that is answered, and then started.",
                )
            case "retrieve":
                return Operation("get_import", "Read an import", None, one)
            case "problems":
                page = {200: page_of(ImportProblemSerializer)}
                return Operation("explain_import", "List what was refused", None, page, [LIMIT, CURSOR])
            case "error_file":
                summary = "Get the refused rows, in the format of the file"
                return Operation("download_import", summary, None, {200: DownloadSerializer})
        summaries = {
            "start": "Take in the file that was sent",
            "pause": "Stop after the batch, to go on later",
            "resume": "Go on with an import that was paused, or failed",
            "cancel": "Stop after the batch for good",
        }
        return Operation(f"{action}_import", summaries[action], None, one)


class Exports(_Transfers):
    """Files on their way out."""

    noun = "export"
    model = Export
    format_filter = Filter("format", "format", choices=exports.FORMATS)

    def rows(self) -> "QuerySet[Any]":
        return Export.objects.select_related("job")

    def show(self, one: Export) -> dict[str, Any]:
        return dict(ExportSerializer(_shared(one)).data)

    def create(self, request: Request) -> HttpResponse:
        """Start an export."""
        self.refuse_parameters(request)

        def write() -> Answer:
            serializer = NewExportSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            self.allow(Export, serializer.validated_data["format"])
            one = exports.start_export(**serializer.validated_data, actor=self.actor, now=self.now)
            return answer(self.show(one), 201)

        return self.writing(write)

    def retrieve(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with one export."""
        self.refuse_parameters(request)
        return self.reading(lambda: answer(self.show(exports.get_export(id))))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: UUID) -> HttpResponse:
        """Have an export stop; there is no file then."""
        return self.changing(exports.get_export, exports.cancel_export, id)

    @action(detail=True, methods=["get"])
    def file(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with where the file is."""
        self.refuse_parameters(request)

        def read() -> Answer:
            one = self.allow(exports.get_export(id))
            found = transfers.make_download(one.file, tenant_id=self.tenant, file_name=one.file_name, now=self.now)
            return answer(found._asdict())

        return self.reading(read)

    def describe(self, action: str) -> Operation:
        match action:
            case "list":
                return Operation(
                    "list_exports", "List exports", None, {200: page_of(ExportSerializer)}, self.list_parameters()
                )
            case "create":
                return Operation("create_export", "Start an export", NewExportSerializer, {201: ExportSerializer})
            case "retrieve":
                return Operation("get_export", "Read an export", None, {200: ExportSerializer})
            case "cancel":
                return Operation("cancel_export", "Stop an export", None, {200: ExportSerializer})
        return Operation("download_export", "Get an export's file", None, {200: DownloadSerializer})


def _shared(one: Import | Export) -> dict[str, Any]:
    job, status = one.job, transfers.status_of(one)
    done, total = transfers.progress_of(one)
    return {
        "id": one.id,
        "format": one.format,
        "file_name": one.file_name,
        "channel": one.channel,
        "status": str(status),
        "is_stopping": transfers.is_stopping(one),
        "done": done,
        "total": total,
        "size": one.size,
        "error": transfers.error_of(one),
        "notes": one.notes,
        "created_at": one.created_at,
        "finished_at": job.finished_at if job and status in _OVER else None,
        "expires_at": one.expires_at,
    }
