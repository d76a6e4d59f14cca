"""What happens around an operation: its price, the kept answer, the server that it reads, the answer that it leaves.

    look in Redis (one trip: rate limit, kept answer, versions)
      hit → its bytes
      miss → one caller computes, on a replica that has all that was published or on the primary, and it is kept
      bypass → computed, and not kept

Only a query whose context has a key is looked up. A mutation runs on the primary.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from commerce.cache.client import RedisUnavailable, cache_redis
from commerce.cache.responses import Bypass, Entry, Found, Hit, Miss
from commerce.db import replicas
from commerce.db.positions import AHEAD_OF_ALL
from commerce.db.topics import Reads, collecting_reads
from commerce.graphql.context import Context, Operation
from commerce.graphql.errors import TooManyRequests, format_error
from commerce.graphql.executor import Answer, Executor, Prepared, render
from commerce.ratelimit import UNLIMITED, Allowance, Check

OpenScope = Callable[[Operation, str], AbstractContextManager[Any]]
PRIMARY = "default"
# What a kept answer takes from its caller's allowance, and what one that has to be computed takes beyond that.
HIT_COST, REST = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class _Computed:
    """An answer, what its statements have read, and the first instant at which the clock may change it.

    `is_current`: whether it was read where everything is that was published before.
    """

    answer: Answer
    reads: Reads
    valid_until: datetime | None
    is_current: bool


class Door:
    """Answers operations, however they came; any number of threads may share it."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def answer(self, prepared: Prepared, context: Context, allowance: Allowance, open_scope: OpenScope) -> Answer:
        """Return the answer to an operation; `open_scope(operation, alias)` is the scope that it runs in.

        What the allowance does not cover has status 429. A query sees whatever was committed up to
        `context.read_after`, and what was published before it. Raises PrimaryUnavailable for a mutation without
        a primary, and for a query that no server left can answer.
        """
        if prepared.operation.kind == "mutation":
            return _charged(allowance, lambda: self._write(prepared, context, open_scope))
        entry = _entry(prepared, context)
        if entry is None:
            return _charged(allowance, lambda: self._read(prepared, context, open_scope, None).answer)
        return self._shared(entry, prepared, context, allowance, open_scope)

    def _shared(
        self, entry: Entry, prepared: Prepared, context: Context, allowance: Allowance, open_scope: OpenScope
    ) -> Answer:
        """Return the kept answer, or compute it and keep it."""
        found, check = _look(entry, allowance)
        if not check.allowed:
            _release(entry, found)
            return _refused(check)
        if isinstance(found, Miss) and found.follows:
            found = entry.wait(found)
        if isinstance(found, Hit):
            return Answer(200, found.body, True, found.topics, found.valid_until, check, cache="hit")
        is_stored = False
        try:
            if allowance:
                check = allowance.take(REST)
            if not check.allowed:
                return _refused(check)
            computed = self._read(prepared, context, open_scope, found)
            answer = replace(computed.answer, check=check)
            if not isinstance(found, Miss) or not _may_be_kept(computed):
                return answer
            topics = tuple(sorted(computed.reads.topics))
            entry.store(found, body=answer.body, topics=topics, valid_until=computed.valid_until)
            is_stored = True
            return replace(answer, topics=topics, valid_until=computed.valid_until, cache="miss")
        finally:
            if not is_stored:
                _release(entry, found)

    def _read(
        self, prepared: Prepared, context: Context, open_scope: OpenScope, found: Miss | Bypass | None
    ) -> _Computed:
        """Run a query, and again from its start where a server fails it."""
        # Without a look at the versions nobody knows what a replica may lack.
        wanted = None if found is None else found.since or AHEAD_OF_ALL

        def run(alias: str) -> _Computed:
            fresh = context.again()
            fresh.interrupts = replicas.is_passing
            is_current = wanted is None or replicas.has_replayed(alias, wanted)  # before there is a snapshot
            valid_until: datetime | None = None

            @contextmanager
            def opened(operation: Operation) -> Iterator[None]:
                nonlocal valid_until
                with open_scope(operation, alias):
                    yield
                    if isinstance(found, Miss) and reads.storable:
                        valid_until = reads.valid_until(fresh.now)

            with collecting_reads() as reads:
                answer = self.executor.run(prepared, fresh, opened)
            return _Computed(answer, reads, valid_until, is_current)

        return replicas.reading(run, at_least=context.read_after, ideally=wanted)

    def _write(self, prepared: Prepared, context: Context, open_scope: OpenScope) -> Answer:
        context.interrupts = replicas.is_outage
        with replicas.writing():
            return self.executor.run(prepared, context, lambda operation: open_scope(operation, PRIMARY))


def _entry(prepared: Prepared, context: Context) -> Entry | None:
    """Return the place of an answer that may be kept, or None."""
    key = context.key(prepared.operation, prepared.query.variables)
    return Entry.of(tenant=key.tenant, digest=key.digest()) if key is not None else None


def _may_be_kept(computed: _Computed) -> bool:
    return computed.is_current and computed.answer.clean and computed.reads.storable


def _look(entry: Entry, allowance: Allowance) -> tuple[Found, Check]:
    """Look the answer up and take what a kept one costs, in one trip."""
    if not allowance:
        return entry.lookup(), UNLIMITED

    def ask(client: Any) -> Any:
        pipeline = client.pipeline(transaction=False)
        entry.add_to(pipeline)
        allowance.add_to(pipeline, HIT_COST)
        return pipeline.execute(raise_on_error=False)

    try:
        kept, taken = cache_redis().ask(ask)
    except RedisUnavailable:
        return Bypass("redis"), UNLIMITED
    return entry.read(kept), allowance.read(taken, HIT_COST)


def _release(entry: Entry, found: Found) -> None:
    """Let nobody wait for an answer that this caller has not stored."""
    if isinstance(found, Miss):
        entry.release(found)


def _charged(allowance: Allowance, run: Callable[[], Answer]) -> Answer:
    check = allowance.take(1)
    return replace(run(), check=check) if check.allowed else _refused(check)


def _refused(check: Check) -> Answer:
    return Answer(429, render({"errors": [format_error(TooManyRequests(check.message()))]}), check=check)
