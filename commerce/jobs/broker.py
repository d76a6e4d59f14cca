"""The queues as the broker has them: how much waits, what it is, and how to throw it away."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from celery import current_app

from commerce.errors import DomainError
from commerce.jobs.queues import QUEUES

PATIENCE = 5  # seconds


class BrokerUnavailable(DomainError):
    """The broker does not answer."""


class CannotLook(DomainError):
    """This broker does not show its messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits: its id, its task, its tenant's number if it has one, and how often it was handed out."""

    id: str
    task: str
    tenant_id: int | None
    is_again: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of a queue wait, and how many workers hold."""

    waiting: int
    held: int


def depths() -> dict[str, Depth]:
    """Return the depth of every queue; SQS tells about how much. Raises BrokerUnavailable."""
    with _channel() as channel:
        held = _held(channel)
        return {name: Depth(channel._size(name), held[name]) for name in QUEUES}


def peek(name: str, *, at_most: int) -> list[Message]:
    """Return the messages of a queue that are next, and take none. Raises CannotLook on SQS, BrokerUnavailable."""
    with _channel() as channel:
        if not _is_redis(channel):
            raise CannotLook("SQS shows messages only to who takes them: look at the queue in its console.")
        raw = channel.client.lrange(name, -at_most, -1)
    return [_message(orjson.loads(each)) for each in reversed(raw)]


def purge(name: str) -> int:
    """Throw away the messages of a queue that wait, and return how many. What workers hold stays."""
    with _channel() as channel:
        return int(channel.queue_purge(name))


@contextmanager
def _channel() -> Iterator[Any]:
    with current_app.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE)
            yield connection.default_channel
        except DomainError:
            raise
        except Exception as error:  # each transport raises its own
            raise BrokerUnavailable(f"The broker does not answer: {type(error).__name__}: {error}") from error


def _is_redis(channel: Any) -> bool:
    return bool(channel.connection.driver_type == "redis")


def _held(channel: Any) -> Counter[str]:
    if _is_redis(channel):
        return Counter(orjson.loads(each)[2] for each in channel.client.hvals(channel.unacked_key))
    found: Counter[str] = Counter()
    for name in QUEUES:
        answer = channel.sqs().get_queue_attributes(
            QueueUrl=channel._new_queue(name), AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
        )
        found[name] = int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])
    return found


def _message(raw: dict[str, Any]) -> Message:
    headers = raw.get("headers", {})
    try:
        arguments = orjson.loads(base64.b64decode(raw["body"]))[1]
    except (binascii.Error, ValueError, LookupError, TypeError):
        arguments = {}
    is_again = bool(raw.get("properties", {}).get("delivery_info", {}).get("redelivered") or headers.get("redelivered"))
    return Message(str(headers.get("id")), str(headers.get("task")), arguments.get("tenant_id"), is_again)
