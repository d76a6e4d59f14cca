"""The scripts that run inside Redis (lua/*.lua), and how they are called in one round trip."""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

import redis

_FOLDER = Path(__file__).with_name("lua")
_COMMON = (_FOLDER / "common.lua").read_text()


class Script:
    """A script, called by its hash; its text travels only where Redis does not know it yet."""

    def __init__(self, name: str) -> None:
        self.text = _COMMON + (_FOLDER / f"{name}.lua").read_text()
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: "redis.Redis", keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Return the reply of one call, or raise RedisError."""
        try:
            return client.evalsha(self.sha, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return client.eval(self.text, len(keys), *keys, *arguments)

    def add_to(self, pipeline: Any, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        """Put a call into a pipeline; one that fails with NoScriptError is to be run again by itself."""
        pipeline.evalsha(self.sha, len(keys), *keys, *arguments)


class Call(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Any]


Command = tuple[Any, ...]  # as redis-py's execute_command takes it


def run_all(client: "redis.Redis", calls: Sequence[Call | Command]) -> list[Any]:
    """Run scripts and commands in their order, in one trip, and return the replies; raise the first RedisError.

    What follows a script that Redis did not know is run again after it: it is to be such as may be run twice.
    """
    pipeline = client.pipeline(transaction=False)
    for call in calls:
        if isinstance(call, Call):
            call.script.add_to(pipeline, call.keys, call.arguments)
        else:
            pipeline.execute_command(*call)  # type: ignore[no-untyped-call]
    replies = pipeline.execute(raise_on_error=False)
    for i, reply in enumerate(replies):
        call = calls[i]
        if isinstance(reply, redis.exceptions.NoScriptError) and isinstance(call, Call):
            _load_all(client)
            return [*replies[:i], *run_all(client, calls[i:])]
        if isinstance(reply, Exception):
            raise reply
    return replies


def _load_all(client: "redis.Redis") -> None:
    pipeline = client.pipeline(transaction=False)
    for script in ALL:
        pipeline.script_load(script.text)
    pipeline.execute()


LOOKUP = Script("lookup")
STORE = Script("store")
RELEASE = Script("release")
LOOK = Script("look")
FOUND = Script("found")
MARK = Script("mark")
UNMARK = Script("unmark")
PUBLISH = Script("publish")
SETTLE = Script("settle")
OUTDATE = Script("outdate")
DROP = Script("drop")
ALL = (LOOKUP, STORE, RELEASE, LOOK, FOUND, MARK, UNMARK, PUBLISH, SETTLE, OUTDATE, DROP)
