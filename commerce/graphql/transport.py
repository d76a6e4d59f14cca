"""From an HTTP request to the calls in it: by POST in each of the four content types of the dialect, or by GET."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.core import exceptions
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from graphql import GraphQLError

from commerce.graphql.errors import TooManyRequests
from commerce.graphql.limits import Limits
from commerce.ratelimit import UNLIMITED, Allowance, Check


class BadRequest(Exception):
    """A request without a query that could be run: an HTTP status, and what is wrong where.

    The error is shown as it is, where it is more than a message; `check` is what was taken for the request.
    """

    def __init__(self, error: str | GraphQLError, status: int = 400, check: Check = UNLIMITED) -> None:
        super().__init__(str(error))
        self.error = error if isinstance(error, GraphQLError) else GraphQLError(error)
        self.status = status
        self.check = check


def pay(allowance: Allowance) -> Check:
    """Take a whole request from an allowance, or raise BadRequest with the status 429."""
    check = allowance.take(1)
    if not check.allowed:
        raise BadRequest(TooManyRequests(check.message()), 429, check)
    return check


@dataclass(frozen=True, slots=True)
class Call:
    """What a client asks to be run: the text of a document or the id of a trusted one, or both.

    `by_hash`: the id came as Apollo's clients send it, and is the SHA-256 of the text in hex.
    """

    text: str | None
    document_id: str | None
    variables: Mapping[str, Any]
    operation_name: str | None = None
    by_hash: bool = False


def read_address(request: HttpRequest) -> Call | None:
    """Return the call in the address of a GET request, None if it names no document, or raise BadRequest."""
    given = {
        name: request.GET[name] for name in (*_IDS, "variables", "operationName", "extensions") if name in request.GET
    }
    if "extensions" in given:
        given["extensions"] = _loads(given["extensions"], "`extensions` is malformed JSON")
    if not any(name in given for name in (*_IDS, "extensions")):
        return None
    return _call(given)


def read_calls(request: HttpRequest, limits: Limits) -> Call | list[Call]:
    """Return the call of a POST request, or those of a batch, or raise BadRequest."""
    reader = _READERS.get(request.content_type or "")
    if reader is None:
        kinds = ", ".join(_READERS)
        raise BadRequest(f"Must provide a query string. The content type is none of {kinds}.")
    _check_length(request, limits)
    try:
        body = reader(request)
    except exceptions.RequestDataTooBig:
        raise BadRequest("The request body is too large.", 413) from None
    except (exceptions.SuspiciousOperation, exceptions.BadRequest, MultiPartParserError) as error:
        raise BadRequest(f"The request body cannot be read: {error}") from None
    except UnreadablePostError:
        raise BadRequest("The request body ended too early.") from None
    if not isinstance(body, list):
        return _call(body)
    if not body:
        raise BadRequest("Received an empty list in the batch request.")
    if len(body) > limits.batch:
        raise BadRequest("Number of batch queries exceeded.")
    return [_call(item) for item in body]


def _check_length(request: HttpRequest, limits: Limits) -> None:
    limit = limits.upload if request.content_type == "multipart/form-data" else limits.body
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > limit:
        raise BadRequest(f"The request body of {length} bytes exceeds the limit of {limit} bytes.", 413)


def _call(body: Any) -> Call:
    if not isinstance(body, dict):
        raise BadRequest("The request body must be a JSON object with the key `query`.")
    text, name = body.get("query"), body.get("operationName") or None
    digest = _apollo_hash(body.get("extensions"))
    key = next((body[name] for name in _IDS if body.get(name)), None) if digest is None else digest
    if not isinstance(key, str | None):
        raise BadRequest("The `id` of a trusted document must be a string.")
    if not isinstance(text, str) or not text.strip():
        if text or key is None:
            raise BadRequest("Must provide a query string.")
        text = None
    if not isinstance(name, str | None):
        raise BadRequest("`operationName` must be a string.")
    return Call(text, key, _variables(body.get("variables")), name, by_hash=digest is not None)


def _apollo_hash(extensions: Any) -> str | None:
    """Return the hash of `extensions.persistedQuery`, if there is one."""
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return digest if isinstance(digest, str) and digest else None


def _variables(given: Any) -> Mapping[str, Any]:
    """Return the variables; a form, and some clients, send them as JSON in a string."""
    if isinstance(given, str):
        given = _loads(given, "Variables are invalid JSON") if given.strip() else None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadRequest("`variables` must be a JSON object.")
    return given


def _read_json(request: HttpRequest) -> Any:
    text = _text(request)
    if not text.strip():
        raise BadRequest("Must provide a query string. The request body is empty.")
    return _loads(text, "The request body is malformed JSON")


def _read_graphql(request: HttpRequest) -> Any:
    return {"query": _text(request)}


def _read_form(request: HttpRequest) -> Any:
    return request.POST.dict()


def _read_multipart(request: HttpRequest) -> Any:
    """Read a form, or what the GraphQL multipart request specification says: `operations`, `map` and files."""
    if "operations" not in request.POST:
        return request.POST.dict()
    operations = _loads(request.POST["operations"], "`operations` is malformed JSON")
    places = _loads(request.POST.get("map", "{}"), "`map` is malformed JSON")
    if not isinstance(places, dict) or not all(isinstance(paths, list) for paths in places.values()):
        raise BadRequest("`map` must be a JSON object of lists of paths.")
    for name, paths in places.items():
        file = request.FILES.get(name)
        if not isinstance(file, UploadedFile):
            raise BadRequest(f"`map` names the file {name!r}, which is not in the request.")
        for path in paths:
            _put(operations, path, file)
    return operations


def _put(operations: Any, path: Any, file: "UploadedFile[Any]") -> None:
    """Replace the null at `path` ("variables.files.0") by the file."""
    *parents, last = str(path).split(".")
    try:
        place = operations
        for key in parents:
            place = place[_key(place, key)]
        if place[_key(place, last)] is not None:
            raise LookupError
        place[_key(place, last)] = file
    except (LookupError, TypeError, ValueError):
        raise BadRequest(f"`map` names the path {path!r}, where `operations` has no null.") from None


def _key(place: Any, key: str) -> str | int:
    return int(key) if isinstance(place, list) else key


def _text(request: HttpRequest) -> str:
    """Return the body as text, in the charset of the Content-Type, or UTF-8."""
    charset = (request.content_params or {}).get("charset", "utf-8")
    try:
        name = codecs.lookup(charset).name
        return request.body.decode("utf-8-sig" if name == "utf-8" else name)
    except LookupError:
        raise BadRequest(f"The charset {charset!r} of the Content-Type is unknown.") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is no {charset} text at byte {error.start}.") from None


def _loads(text: str, complaint: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{complaint}: {error}") from None


_IDS = ("id", "documentId")
_READERS: dict[str, Callable[[HttpRequest], Any]] = {
    "application/json": _read_json,
    "application/graphql": _read_graphql,
    "application/x-www-form-urlencoded": _read_form,
    "multipart/form-data": _read_multipart,
}
