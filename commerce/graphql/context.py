"""What one operation carries from the door to its resolvers."""

import math
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from django.http import HttpRequest
from django.utils import timezone

from commerce.cache.keys import Key
from commerce.db.positions import Position
from commerce.graphql.calls import Calls
from commerce.graphql.errors import LimitExceeded

if TYPE_CHECKING:
    from commerce.graphql.repeats import Sent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation:
    """Which operation of which document is about to run; `document` is the SHA-256 of its text in hex."""

    kind: Literal["query", "mutation", "subscription"]
    name: str | None
    document: str


class Interrupted(BaseException):
    """Ends an operation from inside a resolver, whose own errors would only leave a null: `cause` is for the door."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def _never(error: Exception) -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class Context:
    """The state of one request's one operation, `info.context` in every resolver.

    The roof subclasses it to add who is calling and from which channel; the kit knows a tenant as an
    integer only. `now` is the instant that everything which depends on the clock is read at, `read_after` what
    the caller has written. `interrupts` tells which errors of a resolver end the whole operation: those after
    which it is run again elsewhere, or not at all. Words are looked for in `languages` (BCP 47), the one of the answer
    first; there are none where nobody asked for a language. A mutation was `sent` under a key, or under none;
    `repeated` tells whether any of it had been done before.
    """

    request: HttpRequest
    tenant: int | None = None
    languages: tuple[str, ...] = ()
    now: datetime = field(default_factory=timezone.now)
    read_after: Position | None = None
    interrupts: Callable[[Exception], bool] = _never
    memo: dict[Hashable, Any] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    discarded: bool = False
    sent: "Sent | None" = None
    repeated: bool = False
    time_limit: int = 0  # milliseconds; 0: none
    deadline: float = math.inf

    @property
    def actor(self) -> str:
        """Who asks, as events name them: empty for nobody known."""
        return ""

    def start(self, time_limit: int) -> None:
        """Begin to measure the time of an operation that may take so many milliseconds."""
        self.time_limit = time_limit
        self.deadline = time.monotonic() + time_limit / 1000

    def check_time(self) -> None:
        """Raise LimitExceeded once the operation has taken longer than it may.

        Asked before each call of a resolver, and when one has failed: PostgreSQL ends a statement that takes
        so long, and what is to be told is why.
        """
        if time.monotonic() >= self.deadline:
            raise LimitExceeded(f"The operation takes longer than the limit of {self.time_limit} ms (time).")

    def check_failure(self, error: Exception) -> None:
        """Raise LimitExceeded or Interrupted where a resolver's error is no news of its field alone."""
        self.check_time()
        if self.interrupts(error):
            raise Interrupted(error)

    def again(self) -> Self:
        """Return the context for running the operation anew, with nothing remembered, at this instant."""
        return replace(self, memo={}, calls=Calls(), discarded=False, now=timezone.now())

    def key(self, operation: Operation, variables: Mapping[str, Any]) -> Key | None:
        """Return what the answer to an operation may be shared under, None if with nobody."""
        return None

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returned when `key` was first asked for.

        Kept for a whole query, and in a mutation for the one field whose scope it was read in.
        """
        if key not in self.memo:
            self.memo[key] = make()
        return cast(T, self.memo[key])

    def discard(self) -> None:
        """Have the scope of the running mutation rolled back, and its answer given all the same.

        For a mutation that reports its failure in the `errors` of its payload.
        """
        self.discarded = True
