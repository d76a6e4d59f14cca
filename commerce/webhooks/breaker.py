"""Circuit breakers: an app that fails is left alone for a while, and tried by one call before all others.

The state is in Redis for all processes, and in each process of its own while Redis is gone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Literal
from uuid import uuid4

from commerce.cache.client import RedisUnavailable, cache_redis

State = Literal["closed", "open", "full"]
# Breakers that a process keeps while Redis is gone; beyond that it begins anew.
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """So many `failures` within `window` seconds open a breaker for `pause` seconds; `most` calls run at once."""

    failures: int = 5
    window: float = 30.0
    pause: float = 20.0
    most: int = 10


class Breaker:
    """The breaker of one webhook. `name` is the tenant's number and the webhook's id."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.keys = (f"breaker:{{{name}}}", f"calls:{{{name}}}")
        self.rules = rules

    def enter(self, seconds: float) -> "tuple[State, Call]":
        """Return whether a call may be made, which is taken for lost after so many seconds, and the call."""
        call = Call(self, uuid4().hex)
        arguments = ("enter", call.id, self.rules.most, f"{seconds:.3f}")
        return self._ask(arguments, lambda: _local(self.keys[0]).enter(call.id, self.rules, seconds)), call

    def _leave(self, call: str, is_success: bool) -> State:
        rules = self.rules
        arguments = ("leave", call, int(is_success), rules.failures, rules.window, rules.pause)
        return self._ask(arguments, lambda: _local(self.keys[0]).leave(call, rules, is_success))

    def _ask(self, arguments: tuple[object, ...], otherwise: Callable[[], State]) -> State:
        try:
            reply: bytes = cache_redis().ask(
                lambda client: client.eval(_script(), len(self.keys), *self.keys, *map(str, arguments))
            )
        except RedisUnavailable:
            return otherwise()
        match reply:
            case b"closed":
                return "closed"
            case b"full":
                return "full"
        return "open"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a breaker has let through."""

    breaker: Breaker
    id: str

    def leave(self, *, is_success: bool) -> State:
        """Tell how it ended, and return whether the breaker is open now."""
        return self.breaker._leave(self.id, is_success)


@dataclass(slots=True)
class _Local:
    """The same as breaker.lua, for this process alone."""

    failures: int = 0
    since: float = 0.0
    open_until: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def enter(self, call: str, rules: Rules, seconds: float) -> State:
        with self.lock:
            now = time.monotonic()
            if self.open_until > now:
                return "open"
            self.calls = {id_: lost_at for id_, lost_at in self.calls.items() if lost_at > now}
            if len(self.calls) >= rules.most:
                return "full"
            if self.open_until:
                self.open_until = now + seconds
            self.calls[call] = now + seconds
            return "closed"

    def leave(self, call: str, rules: Rules, is_success: bool) -> State:
        with self.lock:
            now = time.monotonic()
            self.calls.pop(call, None)
            if is_success:
                self.failures, self.open_until = 0, 0.0
                return "closed"
            if now - self.since > rules.window:
                self.since, self.failures = now, 0
            self.failures += 1
            if not self.open_until and self.failures < rules.failures:
                return "closed"
            self.open_until = now + rules.pause
            return "open"


_kept: dict[str, _Local] = {}


def _local(key: str) -> _Local:
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    return _kept.setdefault(key, _Local())


@cache
def _script() -> str:
    return Path(__file__).with_name("breaker.lua").read_text()
