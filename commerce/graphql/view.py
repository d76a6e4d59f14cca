"""The door `/graphql/`: POST runs queries, GET trusted ones; OPTIONS answers browsers, GET shows GraphiQL."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from graphql import GraphQLError, GraphQLSchema

from commerce.db.replicas import RETRY_AFTER, PrimaryUnavailable
from commerce.errors import DomainError
from commerce.graphql.context import Context, Operation
from commerce.graphql.documents import TrustedDocuments
from commerce.graphql.door import Door
from commerce.graphql.errors import INTERNAL, format_errors, transport_error
from commerce.graphql.executor import Answer, Executor, Query, Refused, render
from commerce.graphql.limits import Limits
from commerce.graphql.policy import Policy
from commerce.graphql.repeats import read_sent
from commerce.graphql.sharing import share
from commerce.graphql.transport import BadRequest, Call, pay, read_address, read_calls
from commerce.observability.metrics import graphql_answers
from commerce.ratelimit import UNLIMITED, Allowance, Check

logger = logging.getLogger(__name__)

_PREFLIGHT = {
    "Access-Control-Allow-Headers": (
        "Origin, Content-Type, Accept, Authorization, Source-Service-Name, Authorization-Bearer, Read-After, "
        "X-Storefront-Token, Idempotency-Key"
    ),
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Max-Age": "600",
}

# What a page's scripts may read of an answer.
_EXPOSED = "Read-After, Retry-After, RateLimit, RateLimit-Policy, X-Cache, Idempotency-Replayed"


class PersistedQueryNotFound(GraphQLError):
    """No document with this hash is registered; in the words that Apollo's clients wait for."""

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound", extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})


@dataclass(slots=True)
class Visit:
    """One call of a request: who asks, what is allowed, and what was taken for it.

    `allowance` is what is still to be taken from; it is empty once the call has been paid in full. `number` is the
    call's place in a batch.
    """

    request: HttpRequest
    policy: Policy
    allowance: Allowance
    number: int = 0
    check: Check = UNLIMITED

    def pay(self) -> None:
        """Take a whole request before work that costs and that no kept answer can save, or raise BadRequest (429)."""
        if not self.allowance:
            return
        self.check = pay(self.allowance)
        self.allowance = Allowance()


class GraphQLView:
    """Answers the dialect's requests with bytes of JSON.

    Status 200 for what was executed, even with errors; 400 for what cannot be; 401 for a wrong storefront token;
    403 where the tenant runs trusted documents alone; 404 for an unknown one; 405 for other methods; 413 for too
    much; 429 for too often; 500 where a scope fails. It reads no session and no cookie.
    """

    def __init__(
        self,
        *,
        schema: GraphQLSchema,
        open_scope: Callable[[HttpRequest, int, Operation, str], AbstractContextManager[Any]],
        make_context: Callable[[HttpRequest], Context],
        make_policy: Callable[[HttpRequest, Limits], Policy] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.executor = Executor(schema, limits)
        self.door = Door(self.executor)
        self.documents = TrustedDocuments()
        self.open_scope = open_scope
        self.make_context = make_context
        self.make_policy = make_policy or (lambda request, limits: Policy(limits=limits))

    @classmethod
    def as_view(cls, **options: Any) -> Callable[[HttpRequest], HttpResponseBase]:
        """Return the view function, made once: `schema`, `open_scope`, `make_context`; `make_policy`, `limits`.

        `open_scope(request, time_limit, operation, alias)` is the context manager in which a query, or one field
        of a mutation, runs on a database, each statement for so many milliseconds at most; `make_context(request)`
        returns its Context. A GraphQLError or DomainError that either raises is shown with status 400.
        `make_policy(request, limits)` returns what the tenant of a request allows, which is otherwise those limits
        and nothing more, or raises BadRequest.
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
            response["Access-Control-Expose-Headers"] = _EXPOSED
        patch_vary_headers(response, ["Origin"])
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        try:
            if request.method == "POST":
                return self._post(request)
            if request.method in ("GET", "HEAD"):
                return self._get(request)
        except BadRequest as error:
            response = _answered(_refusal(error))
            response["Cache-Control"] = "no-store"
            return response
        if request.method == "OPTIONS":
            return HttpResponse(headers={"Allow": "POST, OPTIONS", **_PREFLIGHT})
        return _not_allowed(request)

    def _post(self, request: HttpRequest) -> HttpResponse:
        policy = self.make_policy(request, self.executor.limits)
        calls = read_calls(request, policy.limits)
        if isinstance(calls, Call):
            return _answered(self._call(request, calls, policy))
        answers = [self._call(request, call, policy, number) for number, call in enumerate(calls)]
        body = b"[%b]" % b",".join(answer.body for answer in answers)
        repeated = any(answer.repeated for answer in answers)
        told = replace(answers[-1], status=max(answer.status for answer in answers), body=body, repeated=repeated)
        return _answered(replace(told, cache="bypass"))

    def _get(self, request: HttpRequest) -> HttpResponse:
        """Answer a trusted query, so that caches may keep it; without one, show GraphiQL in development."""
        call = read_address(request)
        if call is None:
            if settings.DEBUG or getattr(settings, "GRAPHIQL", False):
                return HttpResponse(_graphiql())
            return _not_allowed(request)
        policy = self.make_policy(request, self.executor.limits)
        answer = self._call(request, call, policy)
        # What others may be given from a cache tells nothing of how much this caller may ask.
        response = share(request, _answered(answer), answer, policy, timezone.now())
        if policy.by_language:
            patch_vary_headers(response, ["Accept-Language"])
        if "no-store" not in response["Cache-Control"]:
            for name in answer.check.headers():
                del response[name]
        if request.method == "HEAD":
            response["Content-Length"], response.content = str(len(response.content)), b""
        return response

    def _call(self, request: HttpRequest, call: Call, policy: Policy, number: int = 0) -> Answer:
        visit = Visit(request, policy, policy.allowance, number)
        try:
            query = self._query(visit, call)
            if not self.executor.knows(query.text):
                visit.pay()
            answer = self._answer(visit, query)
        except BadRequest as error:
            return replace(_refusal(error), check=error.check if error.check.full_in else visit.check)
        except Refused as refusal:
            answer = Answer(400, render({"errors": format_errors(refusal.errors)}))
        except PrimaryUnavailable as error:
            answer = Answer(503, render(transport_error(str(error))))
        except (GraphQLError, DomainError) as error:
            shown = GraphQLError(str(error), original_error=error)
            answer = Answer(400, render({"errors": format_errors([shown])}))
        except Exception:
            logger.exception("A GraphQL request failed outside its resolvers")
            answer = Answer(500, render(transport_error(INTERNAL)))
        graphql_answers.add(answer.cache)
        return replace(answer, check=visit.check)

    def _answer(self, visit: Visit, query: Query) -> Answer:
        if visit.policy.has_credentials:  # no kept answer is for this caller, and wrong ones may come by the thousand
            visit.pay()
        context = self.make_context(visit.request)
        prepared = self.executor.prepare(query, visit.policy.limits)
        if prepared.operation.kind == "mutation":
            _refuse_by_address(visit.request)
            made_of = (prepared.operation.document, query.operation_name, query.variables)
            context.sent = read_sent(visit.request, context.actor, made_of, visit.number)
        open_scope = partial(self.open_scope, visit.request, visit.policy.limits.time)
        answer = self.door.answer(prepared, context, visit.allowance, open_scope)
        if context.languages:
            answer = replace(answer, language=context.languages[0])
        if visit.allowance:
            visit.check = answer.check
        return answer

    def _query(self, visit: Visit, call: Call) -> Query:
        """Return the query with the text that is to be run, or raise BadRequest."""
        text, policy = call.text, visit.policy
        if call.document_id is None and policy.documents_only:
            raise BadRequest("This shop runs trusted documents alone: send the `id` of one instead of `query`.", 403)
        if text is None or policy.documents_only:
            text = self._trusted(visit, call)
        elif call.by_hash and sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != call.document_id:
            raise BadRequest("`extensions.persistedQuery.sha256Hash` is not the SHA-256 of `query`.")
        return Query(text, call.variables, call.operation_name)

    def _trusted(self, visit: Visit, call: Call) -> str:
        key = call.document_id or ""
        text = self.documents.find(key, visit.policy)
        if text is None:
            visit.pay()
            text = self.documents.read(key, visit.policy)
        if text is None:
            if call.by_hash:
                raise BadRequest(PersistedQueryNotFound(), 200)
            raise BadRequest(f"There is no trusted document {key[:200]!r}: `manage.py documents` registers them.", 404)
        return text


def _refuse_by_address(request: HttpRequest) -> None:
    if request.method != "POST":
        raise BadRequest("A mutation runs by POST alone: whatever follows a link must change nothing.", 405)


def _refusal(error: BadRequest) -> Answer:
    return Answer(error.status, render({"errors": format_errors([error.error])}), check=error.check)


def _not_allowed(request: HttpRequest) -> HttpResponse:
    return _answered(_refusal(BadRequest(f"{request.method} is not allowed: send queries by POST.", 405)))


def _answered(answer: Answer) -> HttpResponse:
    response = _bytes(answer.status, answer.body)
    response["X-Cache"] = answer.cache
    if answer.language:
        response["Content-Language"] = answer.language
    for name, value in answer.check.headers().items():
        response[name] = value
    if answer.repeated:
        response["Idempotency-Replayed"] = "true"
    if answer.status == 503:
        response["Retry-After"] = str(RETRY_AFTER)
    if answer.status == 405:
        response["Allow"] = "POST, OPTIONS"
    return response


def _is_allowed(origin: str) -> bool:
    patterns = getattr(settings, "ALLOWED_GRAPHQL_ORIGINS", ["*"])
    return any(fnmatchcase(origin, pattern) for pattern in patterns)


def _json(status: int, payload: dict[str, Any]) -> HttpResponse:
    return _bytes(status, render(payload))


def _bytes(status: int, body: bytes) -> HttpResponse:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return HttpResponse(body, status=status, headers=headers)


@cache
def _graphiql() -> bytes:
    return Path(__file__).with_name("graphiql.html").read_bytes()
