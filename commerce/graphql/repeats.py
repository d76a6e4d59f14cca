"""Mutations that may be sent twice: under an `Idempotency-Key` each field happens once, and answers alike again.

A field of a mutation has a transaction of its own, and so has its key: the field's effect, and what it answered, are
committed together (docs/adr/0010). Whoever sends the mutation again gets the fields that are done as they were, and has
the others done. A field that failed, or reported its failure and was rolled back, leaves nothing: it is tried again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from graphql import GraphQLError

from commerce import idempotency
from commerce.graphql.context import Context, Interrupted
from commerce.graphql.errors import Repeated, format_error
from commerce.graphql.transport import BadRequest
from commerce.idempotency import Begun

HEADER = "Idempotency-Key"
# Characters of the key of somebody whom nobody knows: others choose theirs in the same shop.
SHORTEST = 16

OpenScope = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A mutation that was sent under a key: by whom, as which of a batch, and the digest of all that makes it."""

    key: str
    caller: str
    digest: str
    number: int = 0

    def begin(self, place: int, context: Context) -> Begun | idempotency.Answer:
        """Begin, in the scope's transaction, the field at a place; raises what `idempotency.begin` does."""
        caller = f"{self.caller}/graphql/{self.number}.{place}"
        return idempotency.begin(key=self.key, caller=caller, digest=self.digest, now=context.now)


def read_sent(request: HttpRequest, caller: str, made_of: Sequence[Any], number: int = 0) -> Sent | None:
    """Return what a mutation was sent under, None without a key, or raise BadRequest for a bad one.

    `caller` is empty for nobody known, `made_of` all that makes the request what it is, `number` its place in a batch.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not idempotency.is_key(key):
        raise BadRequest(f"{HEADER} is a text of 1 to 255 visible ASCII characters.")
    if not caller and len(key) < SHORTEST:
        raise BadRequest(f"{HEADER} has at least {SHORTEST} characters where no one is signed in: send a UUID.")
    whole = orjson.dumps(made_of, default=_digest_of_file, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return Sent(key, caller, sha256(whole).hexdigest(), number)


def run_field(
    run: Callable[[], Any],
    place: int,
    context: Context,
    errors: list[GraphQLError],
    open_scope: OpenScope,
    *,
    in_scope: bool,
) -> Any:
    """Return what one field of a mutation answers, run in its scope, or as it answered before under its key.

    `run` adds to `errors`, and so does a repeat. A field that failed, or discarded its scope, is rolled back. Raises
    Interrupted, and what opening and leaving the scope raises.
    """
    context.memo.clear()
    context.discarded = False
    result = None
    try:
        with open_scope() if in_scope else nullcontext(), _once(place, context, open_scope, in_scope) as begun:
            if isinstance(begun, idempotency.Answer):
                context.repeated = True
                kept = orjson.loads(begun.body)
                errors.extend(map(Repeated, kept["errors"]))
                return kept["data"]
            known = len(errors)
            result = run()
            if (result is None and len(errors) > known) or context.discarded:
                raise Discard
            if begun is not None:
                with nullcontext() if in_scope else open_scope():
                    begun.finish(_kept(result, errors[known:]))
    except Discard:
        pass
    except Exception as error:
        if context.interrupts(error):
            raise Interrupted(error) from error
        raise
    return result


class Discard(Exception):
    """Leaves a scope that is to be rolled back."""


@contextmanager
def _once(
    place: int, context: Context, open_scope: OpenScope, in_scope: bool
) -> Iterator[Begun | idempotency.Answer | None]:
    """Give what a field is done under; outside a scope it is written down first, and taken back if the field fails."""
    if context.sent is None:
        yield None
    elif in_scope:
        yield context.sent.begin(place, context)
    else:
        with open_scope():
            begun = context.sent.begin(place, context)
        try:
            yield begun
        except BaseException:
            if isinstance(begun, Begun):
                with open_scope():
                    begun.abandon()
            raise


def _kept(result: Any, errors: list[GraphQLError]) -> idempotency.Answer:
    told = {"data": result, "errors": [format_error(error) for error in errors]}
    return idempotency.Answer(200, orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS))


def _digest_of_file(value: Any) -> str:
    """Stand for a file by its digest; anything else, by its text."""
    if not isinstance(value, UploadedFile):
        return str(value)
    digest = sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return digest.hexdigest()
