"""A resource: a list of objects of one model, each at its own address, written one by one or up to 1,000 at once.

    class Warehouses(CatalogResource):
        model, row, noun, tag = Warehouse, WarehouseRow, "warehouse", "Stock"
        reads, writes = Need(...), Need(...)
        filters = (Filter("slug", "slug__in", many=True, order=("slug",)),)
        keys = (("slug",),)                 # what names an object in a batch, beside its id

`router.register("warehouses", Warehouses)` gives it GET and POST at /warehouses, POST at /warehouses/bulk, and GET,
PUT, PATCH and DELETE at /warehouses/<id>.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db import DataError, IntegrityError, models
from django.http import HttpResponse, QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.idempotency import Answer
from commerce.rest import changes as steps
from commerce.rest.changes import Change, sound
from commerce.rest.etags import check_match, etag, is_known
from commerce.rest.filters import BOOLEAN, Filter, read_filters
from commerce.rest.paging import read_limit, read_page
from commerce.rest.problems import Fault, Problem
from commerce.rest.rows import RowSerializer
from commerce.rest.schema import ATOMIC, CURSOR, IF_MATCH, IF_NONE_MATCH, LIMIT, Operation, parameter_of
from commerce.rest.views import View, answer

MOST_ROWS = 1_000
BULK_BODY = 10 * 1024 * 1024
# What a row of a batch takes of the caller's allowance, in requests.
ROW_COST = 0.02


class Resource(View):
    """The base of a resource whose rows are objects of a model; a subclass says how they are written."""

    model: ClassVar[type[models.Model]]
    row: ClassVar[type[RowSerializer]]
    # In the singular and, where that is not an s more, in the plural: parts of the operations' names.
    noun: ClassVar[str]
    plural: ClassVar[str] = ""
    filters: ClassVar[tuple[Filter, ...]] = ()
    keys: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # Attributes that stay as they were when the object was made.
    fixed: ClassVar[tuple[str, ...]] = ()
    lookup_field = "id"
    lookup_value_converter = "uuid"

    # --- What a subclass does -----------------------------------------------------------------------------------

    def rows(self) -> Any:
        """Return all rows, as a queryset."""
        return self.model._default_manager.all()

    def lock(self, ids: Sequence[UUID]) -> Sequence[Any]:
        """Return the objects of these ids, locked until the transaction ends."""
        return list(self.rows().filter(id__in=ids).order_by("id").select_for_update(of=("self",)))

    def load(self, instances: Sequence[Any]) -> None:
        """Set `instance.parts` of all, in a number of statements that does not depend on theirs."""
        for instance in instances:
            instance.parts = {}

    def fill(self, changes: Sequence[Change]) -> None:
        """Give objects what follows from their columns, and refuse what does not fit."""

    def save(self, changes: Sequence[Change]) -> None:
        """Write objects and their parts, and set `is_written` of those that changed. Raises DomainError."""
        raise NotImplementedError

    def erase(self, instance: Any) -> None:
        """Delete an object. Raises DomainError."""
        raise NotImplementedError

    def explain(self, error: Exception, instance: Any) -> Exception:
        """Return what to tell of an exception that a row's object has met."""
        return error

    # --- Reading ------------------------------------------------------------------------------------------------

    def list(self, request: Request) -> HttpResponse:
        """Answer with a page."""
        given: QueryDict = request.query_params
        wanted = read_filters(self.filters, given, ("limit", "cursor"))
        limit = read_limit(given)
        orders = [filter_.order for filter_ in wanted if filter_.order]
        order = orders[0] if orders else ("id",)
        name = self.noun + " ".join(sorted(f"{f.name}={given[f.name]}" for f in wanted))

        def read() -> Answer:
            rows = self.rows().filter(**{f.lookup: value for f, value in wanted.items()})
            page = read_page(rows, order, limit=limit, cursor=given.get("cursor"), list_name=name)
            return answer({"items": self.show(page.rows), "next_cursor": page.next_cursor})

        return self.reading(read, along_indexes=len(orders) == len(wanted))

    def retrieve(self, request: Request, id: UUID) -> HttpResponse:
        """Answer with one object."""
        self.refuse_parameters(request)

        def read() -> Answer:
            instance = self.rows().filter(id=id).first()
            if instance is None:
                raise self.not_found(id)
            if is_known(request.headers, instance.version):
                return Answer(304, headers={"ETag": etag(instance.version)})
            return self.shown(instance)

        return self.reading(read)

    def show(self, instances: Sequence[Any]) -> Sequence[Any]:
        """Return objects as they are told."""
        self.load(instances)
        return [self.serializer.to_representation(instance) for instance in instances]

    def shown(self, instance: Any, status: int = 200, **headers: str) -> Answer:
        """Return the answer that tells one object."""
        return answer(self.show([instance])[0], status, ETag=etag(instance.version), **headers)

    # --- Writing ------------------------------------------------------------------------------------------------

    def create(self, request: Request) -> HttpResponse:
        """Make a new object."""
        self.refuse_parameters(request)

        def write() -> Answer:
            check_match(request.headers, None)
            (change,) = steps.parse(self.serializer, [request.data])
            change.is_new = True
            found = self._write_one(change)
            return self.shown(found, 201, Location=f"{request.path.rstrip('/')}/{found.id}")

        return self.writing(write)

    def update(self, request: Request, id: UUID) -> HttpResponse:
        """Give an object a whole new state."""
        return self._change(request, id, is_whole=True)

    def partial_update(self, request: Request, id: UUID) -> HttpResponse:
        """Change what the body names."""
        return self._change(request, id, is_whole=False)

    def _change(self, request: Request, id: UUID, *, is_whole: bool) -> HttpResponse:
        self.refuse_parameters(request)

        def write() -> Answer:
            (change,) = steps.parse(self.serializer, [request.data])
            change.instance = self._locked(request, id)
            if is_whole and change.problem is None:
                steps.fill_up(self.serializer, change)
            return self.shown(self._write_one(change))

        return self.writing(write)

    def destroy(self, request: Request, id: UUID) -> HttpResponse:
        """Delete an object."""
        self.refuse_parameters(request)

        def write() -> Answer:
            self.erase(self._locked(request, id))
            return Answer(204)

        return self.writing(write)

    def _locked(self, request: Request, id: UUID) -> Any:
        found = self.lock([id])
        if not found:
            raise self.not_found(id)
        check_match(request.headers, found[0].version)
        return found[0]

    def _write_one(self, change: Change) -> Any:
        steps.resolve(self.serializer, [change])
        self._prepare([change], self.serializer)
        if change.problem is None:
            self._save([change])
        if change.problem is not None:
            raise change.problem
        return self.rows().get(id=change.instance.id)

    def _prepare(self, changes: Sequence[Change], serializer: RowSerializer) -> None:
        steps.require(serializer, changes)
        for change in sound(changes):
            steps.apply(self.model, serializer, change, self.fixed)
        self.fill(sound(changes))

    def _save(self, changes: Sequence[Change]) -> None:
        """Write rows; of those that cannot be written together, find the ones that cannot be written."""
        for change in changes:
            change.instance._state.adding = change.is_new
        try:
            with tenant_scope(self.tenant):  # a savepoint
                self.save(changes)
        except (DomainError, IntegrityError, DataError) as error:
            if len(changes) == 1:
                changes[0].refuse(self.explain(error, changes[0].instance))
                return
            middle = len(changes) // 2
            self._save(changes[:middle])
            self._save(changes[middle:])

    # --- Many at once -------------------------------------------------------------------------------------------

    def bulk(self, request: Request) -> HttpResponse:
        """Make and change up to 1,000 objects."""
        is_atomic = self._is_atomic(request)
        rows = self._rows_of(request.data)
        self.spend(len(rows) * ROW_COST)

        def write() -> Answer:
            changes = steps.parse(self.bulk_serializer, rows)
            self._find(changes)
            self._prepare(changes, self.bulk_serializer)
            steps.refuse_repeated(self.model, changes)
            steps.refuse_taken(self.model, changes)
            if is_atomic:
                _refuse_all(changes)
            if good := sound(changes):
                self._save(good)
            if is_atomic:
                _refuse_all(changes)
            return self._told(changes)

        return self.writing(write)

    def _is_atomic(self, request: Request) -> bool:
        return any(read_filters((Filter("atomic", "", BOOLEAN),), request.query_params, ()).values())

    def _rows_of(self, body: Any) -> Sequence[Any]:
        rows = body.get("rows") if isinstance(body, dict) else None
        if not isinstance(rows, list) or set(body) != {"rows"}:
            raise Problem.of(422, "INVALID", 'The body is an object with a list: {"rows": [...]}.', "rows")
        if not 1 <= len(rows) <= MOST_ROWS:
            message = (
                f"{len(rows)} rows were given; 1 to {MOST_ROWS} are taken: send the others in requests of their own."
            )
            raise Problem.of(422, "INVALID", message, "rows")
        return rows

    def _find(self, changes: Sequence[Change]) -> None:
        """Tell new rows from those of objects that there are, and lock these."""
        steps.resolve(self.bulk_serializer, changes)
        found = steps.identify(self.model, self.keys, changes)
        locked = {instance.id: instance for instance in self.lock(sorted(set(found.values())))} if found else {}
        for change in sound(changes):
            change.instance = locked.get(found[change.number]) if change.number in found else None
            change.is_new = change.instance is None
            if change.is_new and change.wanted_id is not None:
                change.refuse(self.not_found(change.wanted_id))
            elif change.wanted_version is not None and not (
                change.instance is not None and change.instance.version == change.wanted_version
            ):
                message = "The object has changed since it was read: read it again and repeat the change."
                change.refuse(Problem.of(412, "PRECONDITION_FAILED", message, "version"))

    def _told(self, changes: Sequence[Change]) -> Answer:
        written = [change.instance.id for change in sound(changes)]
        versions = dict(self.rows().filter(id__in=written).values_list("id", "version"))
        counts = {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}
        results = []
        for change in changes:
            if change.problem is not None:
                counts["refused"] += 1
                problem = change.problem.as_json()
                results.append({"row": change.number, "status": change.problem.status, "problem": problem})
                continue
            counts["created" if change.is_new else "updated" if change.is_written else "unchanged"] += 1
            id_ = change.instance.id
            status = 201 if change.is_new else 200
            results.append({"row": change.number, "status": status, "id": str(id_), "version": versions[id_]})
        return answer({**counts, "results": results}, 207 if counts["refused"] else 200)

    # --- Around it ----------------------------------------------------------------------------------------------

    @cached_property
    def serializer(self) -> RowSerializer:
        """What reads and shows rows: a partial one, as what a new row must have is asked for by itself."""
        return self.row(partial=True, context={"view": self})

    @cached_property
    def bulk_serializer(self) -> RowSerializer:
        return bulk_row(self.row)(partial=True, context={"view": self})

    @property
    def max_body(self) -> int:  # type: ignore[override]
        return BULK_BODY if self.action == "bulk" else 0

    def not_found(self, id: UUID) -> Problem:
        """Return the problem that there is no object of this id."""
        return Problem.of(404, "NOT_FOUND", f"There is no {self.noun.replace('_', ' ')} {id}.", "id")

    def describe(self, action: str) -> Operation:
        one, many = self.noun, self.plural or f"{self.noun}s"
        words, some = one.replace("_", " "), many.replace("_", " ")
        match action:
            case "list":
                parameters = [LIMIT, CURSOR, *map(parameter_of, self.filters)]
                page = page_of(self.row)
                return Operation(f"list_{many}", f"List {some}", None, {200: page}, parameters)
            case "retrieve":
                answers = {200: self.row, 304: None}
                return Operation(f"get_{one}", f"Read a {words}", None, answers, [IF_NONE_MATCH])
            case "create":
                return Operation(f"create_{one}", f"Create a {words}", self.row, {201: self.row}, problems=[412])
            case "update":
                answers = {200: self.row}
                return Operation(f"replace_{one}", f"Replace a {words}", self.row, answers, [IF_MATCH], problems=[412])
            case "partial_update":
                answers = {200: self.row}
                return Operation(f"update_{one}", f"Change a {words}", self.row, answers, [IF_MATCH], problems=[412])
            case "destroy":
                return Operation(f"delete_{one}", f"Delete a {words}", None, {204: None}, [IF_MATCH], problems=[412])
            case "bulk":
                return Operation(
                    f"write_{many}",
                    f"Create and change up to {MOST_ROWS} {some}",
                    batch_of(self.row),
                    {200: BatchSerializer, 207: BatchSerializer},
                    [ATOMIC],
                    f"A row is of the object that its id names{_or_keys(self.keys)}, and otherwise a new one.",
                )
        raise NotImplementedError(action)


def _or_keys(keys: Sequence[tuple[str, ...]]) -> str:
    return "".join(f", or its {' and '.join(name.removesuffix('_id') for name in key)}" for key in keys)


def _refuse_all(changes: Sequence[Change]) -> None:
    """Raise the problem of a batch that is written as a whole or not at all."""
    faults = [
        Fault(fault.code, fault.message, f"rows.{change.number}" + (f".{fault.field}" if fault.field else ""))
        for change in changes
        if change.problem is not None
        for fault in change.problem.faults
    ]
    if faults:
        raise Problem(422, faults[:100])


class RefusedSerializer(serializers.Serializer[Any]):
    """A problem, of one row."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    field = serializers.CharField(allow_null=True)
    detail = serializers.CharField()


class ResultSerializer(serializers.Serializer[Any]):
    """What became of a row: the status that it would have had alone, its object, or the problem."""

    row = serializers.IntegerField(help_text="Its place in the body, from 0.")
    status = serializers.IntegerField()
    id = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False)
    problem = RefusedSerializer(required=False)


class BatchSerializer(serializers.Serializer[Any]):
    """What became of the rows of a batch."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = ResultSerializer(many=True)


@cache
def bulk_row(row: type[RowSerializer]) -> type[RowSerializer]:
    """Return the serializer of a row of a batch: all that the row has, its object's id, and the version that counts."""
    fields = [name for name in row.Meta.fields if name not in ("id", "version")]
    meta = type("Meta", (row.Meta,), {"fields": ["id", "version", *fields]})
    members = {
        "id": serializers.UUIDField(required=False),
        "version": serializers.IntegerField(
            required=False, min_value=1, max_value=2**63 - 1, help_text="Write only where it is still this one."
        ),
        "Meta": meta,
        "__module__": row.__module__,
    }
    return type(f"{_stem(row)}BatchRowSerializer", (row,), members)


@cache
def batch_of(row: type[RowSerializer]) -> type[serializers.Serializer[Any]]:
    """Return the serializer of the body of a batch."""
    rows: Any = bulk_row(row)
    members = {"rows": rows(many=True, partial=True, max_length=MOST_ROWS, min_length=1)}
    return type(f"{_stem(row)}BatchSerializer", (serializers.Serializer,), members)


@cache
def page_of(row: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the serializer of a page of a list."""
    members = {
        "items": row(many=True),
        "next_cursor": serializers.CharField(allow_null=True, help_text="For the next page; null behind the last one."),
    }
    return type(f"{_stem(row)}PageSerializer", (serializers.Serializer,), members)


def _stem(row: type[Any]) -> str:
    return row.__name__.removesuffix("Serializer").removesuffix("Row")
