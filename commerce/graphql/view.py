"""The door `/graphql/`: POST runs queries, OPTIONS answers browsers, GET shows GraphiQL in development."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from graphql import GraphQLError, GraphQLSchema

from commerce.errors import DomainError
from commerce.graphql.context import Context, Operation
from commerce.graphql.errors import INTERNAL, format_errors, transport_error
from commerce.graphql.executor import Answer, Executor, Query, render
from commerce.graphql.limits import Limits
from commerce.graphql.transport import BadRequest, read_queries

logger = logging.getLogger(__name__)

_PREFLIGHT = {
    "Access-Control-Allow-Headers": (
        "Origin, Content-Type, Accept, Authorization, Source-Service-Name, Authorization-Bearer"
    ),
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Max-Age": "600",
}


class GraphQLView:
    """Answers the dialect's requests with bytes of JSON.

    Status 200 for what was executed, even with errors; 400 for what cannot be; 413 for too much; 405 for
    other methods; 500 where a scope fails. It reads no session and no cookie.
    """

    def __init__(
        self,
        *,
        schema: GraphQLSchema,
        open_scope: Callable[[HttpRequest, Operation], AbstractContextManager[Any]],
        make_context: Callable[[HttpRequest], Context],
        limits: Limits | None = None,
    ) -> None:
        self.executor = Executor(schema, limits)
        self.open_scope = open_scope
        self.make_context = make_context

    @classmethod
    def as_view(cls, **options: Any) -> Callable[[HttpRequest], HttpResponseBase]:
        """Return the view function, made once: `schema`, `open_scope`, `make_context` and maybe `limits`.

        `open_scope(request, operation)` is the context manager in which a query, or one field of a
        mutation, runs; `make_context(request)` returns its Context. A GraphQLError or DomainError that
        either raises is shown with status 400.
        """
        view = cls(**options)

        @csrf_exempt
        def graphql(request: HttpRequest) -> HttpResponseBase:
            return view.respond(request)

        return graphql

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of any method, with the CORS headers of its origin."""
        origin = request.headers.get("Origin", "")
        allowed = _is_allowed(origin)
        if request.method == "OPTIONS" and origin and not allowed:
            response = _json(400, transport_error(f"The origin {origin} is not allowed."))
        else:
            response = self._respond(request)
        if origin and allowed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Allow-Credentials"] = "true"
        patch_vary_headers(response, ["Origin"])
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return self._post(request)
        if request.method == "OPTIONS":
            return HttpResponse(headers={"Allow": "POST, OPTIONS", **_PREFLIGHT})
        if request.method in ("GET", "HEAD") and (settings.DEBUG or getattr(settings, "GRAPHIQL", False)):
            return HttpResponse(_graphiql())
        response = _json(405, transport_error(f"{request.method} is not allowed: send queries by POST."))
        response["Allow"] = "POST, OPTIONS"
        return response

    def _post(self, request: HttpRequest) -> HttpResponse:
        try:
            queries = read_queries(request, self.executor.limits)
        except BadRequest as error:
            return _json(error.status, transport_error(error.message))
        if isinstance(queries, Query):
            answer = self._answer(request, queries)
            return _bytes(answer.status, answer.body)
        answers = [self._answer(request, query) for query in queries]
        body = b"[%b]" % b",".join(answer.body for answer in answers)
        return _bytes(max(answer.status for answer in answers), body)

    def _answer(self, request: HttpRequest, query: Query) -> Answer:
        try:
            context = self.make_context(request)
            return self.executor.execute(query, context, lambda operation: self.open_scope(request, operation))
        except (GraphQLError, DomainError) as error:
            shown = GraphQLError(str(error), original_error=error)
            return Answer(400, render({"errors": format_errors([shown])}))
        except Exception:
            logger.exception("A GraphQL request failed outside its resolvers")
            return Answer(500, render(transport_error(INTERNAL)))


def _is_allowed(origin: str) -> bool:
    patterns = getattr(settings, "ALLOWED_GRAPHQL_ORIGINS", ["*"])
    return any(fnmatchcase(origin, pattern) for pattern in patterns)


def _json(status: int, payload: dict[str, Any]) -> HttpResponse:
    return _bytes(status, render(payload))


def _bytes(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json")


@cache
def _graphiql() -> bytes:
    return Path(__file__).with_name("graphiql.html").read_bytes()
