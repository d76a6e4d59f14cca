"""The OpenAPI document: each view says what its actions take and answer, and nothing is guessed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from commerce.rest.filters import BOOLEAN, ID, MOMENT, TEXT, Filter
from commerce.rest.problems import MEDIA_TYPE

QUERY: Final = "query"
HEADER: Final = "header"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
BODIES = ("POST", "PUT", "PATCH")


class FaultSerializer(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField()
    field = serializers.CharField(allow_null=True)
    message = serializers.CharField()

    class Meta:
        ref_name = "Fault"


class ProblemSerializer(serializers.Serializer[Any]):
    """What is told when something is refused (RFC 9457); `errors` has all that is wrong, `detail` the first of it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="For programs: NOT_FOUND, UNIQUE, REQUIRED, INVALID …")
    field = serializers.CharField(
        allow_null=True, help_text="A path into the body (rows.3.price), or a parameter or header."
    )
    detail = serializers.CharField(help_text="One sentence that names the remedy.")
    errors = FaultSerializer(many=True)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says of an action: `request` and `answers` (by status) are serializers or JSON schemas."""

    id: str
    summary: str
    request: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    parameters: Sequence[OpenApiParameter] = ()
    description: str = ""
    # Statuses of problems beside those that the method brings along.
    problems: Sequence[int] = ()


class Schema(AutoSchema):
    """Writes an operation as its view describes it."""

    @property
    def _operation(self) -> Operation:
        view: Any = self.view
        found: Operation = view.describe(view.action)
        return found

    def is_excluded(self) -> bool:
        return self.method == "HEAD"

    def get_operation_id(self) -> str:
        return self._operation.id

    def get_summary(self) -> str:
        return self._operation.summary

    def get_description(self) -> str:  # type: ignore[override]
        return self._operation.description

    def get_tags(self) -> list[str]:
        return [self.view.tag]  # type: ignore[attr-defined]

    def get_request_serializer(self) -> Any:
        return self._operation.request

    def get_response_serializers(self) -> Any:
        operation = self._operation
        answers: dict[Any, Any] = {}
        for status, serializer in operation.answers.items():
            answers[status, "application/json"] = OpenApiResponse(serializer, description=_DESCRIPTIONS[status])
        for status in sorted({*operation.problems, *self._problems()} - operation.answers.keys()):
            answers[status, MEDIA_TYPE] = OpenApiResponse(ProblemSerializer, description=_DESCRIPTIONS[status])
        return answers

    def get_override_parameters(self) -> list[Any]:
        return [*self._operation.parameters, *_ANSWERED, *self._headers()]

    def map_renderers(self, attribute: str) -> list[Any]:
        return ["application/json"] if attribute == "media_type" else []

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def _problems(self) -> Iterator[int]:
        yield from (400, 401, 403, 429, 503)
        if "{" in self.path:
            yield 404
        if self.method in BODIES:
            yield from (413, 415)
        if self.method in WRITES:
            yield from (409, 422)

    def _headers(self) -> Iterator[OpenApiParameter]:
        if self.method in WRITES:
            yield IDEMPOTENCY_KEY
        else:
            yield READ_AFTER

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        mapped = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request":
            mapped["additionalProperties"] = False
        return mapped


class Described:
    """A view that says of each action what it takes and answers; `tag` is its place in the document."""

    tag = ""

    def describe(self, action: str) -> Operation:
        """Return what the document says of an action."""
        raise NotImplementedError


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    HEADER,
    description="Whoever sends the same request again with the same key gets the first answer, for 24 hours.",
)
READ_AFTER = OpenApiParameter(
    "Read-After",
    {"type": "string", "pattern": "^[0-9]{1,20}-[0-9A-Fa-f]{24}$"},
    HEADER,
    description="The Read-After of an answer to a write: what was written then is seen.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": '^("[0-9]+"|\\*)$'},
    HEADER,
    description="The ETag of what is to be changed: 412 where it has changed since.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string", "pattern": '^("[0-9]+"|\\*)$'},
    HEADER,
    description="The ETag of what is known: 304 where it is still so.",
)
LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}, QUERY, description="Rows of a page."
)
CURSOR = OpenApiParameter(
    "cursor", {"type": "string", "minLength": 1}, QUERY, description="next_cursor of the page before this one."
)
ATOMIC = OpenApiParameter(
    "atomic",
    {"type": "boolean", "default": False},
    QUERY,
    description="Write all rows or none. Otherwise the good ones are written, and the others told.",
)
_ANSWERED = [
    OpenApiParameter(
        "ETag", {"type": "string"}, HEADER, response=[200, 201], description="The version, where it is one object."
    ),
    OpenApiParameter("Location", {"type": "string"}, HEADER, response=[201], description="Where the new object is."),
    OpenApiParameter("Retry-After", {"type": "integer"}, HEADER, response=[429, 503], description="Seconds to wait."),
]

_TYPES: dict[str, dict[str, Any]] = {
    TEXT: {"type": "string", "minLength": 1},
    ID: {"type": "string", "format": "uuid"},
    MOMENT: {"type": "string", "format": "date-time"},
    BOOLEAN: {"type": "boolean"},
}


def parameter_of(filter_: Filter) -> OpenApiParameter:
    """Return the parameter that a filter is."""
    schema = dict(_TYPES[filter_.kind])
    if filter_.choices:
        schema = {"type": "string", "enum": list(filter_.choices)}
    if not filter_.many:
        return OpenApiParameter(filter_.name, schema, QUERY, description=filter_.description)
    several = {"type": "array", "items": schema, "minItems": 1, "maxItems": 100}
    return OpenApiParameter(filter_.name, several, QUERY, description=filter_.description, style="form", explode=False)


_DESCRIPTIONS = {
    200: "Done.",
    201: "Created.",
    204: "Done; there is nothing more to say.",
    207: "Some rows were refused.",
    304: "It is still so.",
    400: "The request cannot be read, or a parameter is wrong.",
    401: "No key of this shop came along.",
    403: "The key does not allow this.",
    404: "There is no such thing in this shop.",
    409: "Another one has this name, or a request with this key is being answered.",
    410: "It is too long ago.",
    412: "The object has changed since it was read.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The body says what cannot be.",
    429: "Too many requests: wait for as long as Retry-After says.",
    503: "The database cannot answer at the moment: try again after as long as Retry-After says.",
}
