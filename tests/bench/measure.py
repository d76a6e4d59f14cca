"""Measuring: a load for some seconds, and what every process burnt meanwhile."""

import http.client
import json
import os
import subprocess
import sys
import zlib
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commerce.stack.layout import PROJECT
from tests.bench.ground import BenchError, Web
from tests.bench.operations import Ask, Operation, Shop

TICKS = os.sysconf("SC_CLK_TCK")
LEAST = 60  # requests before measuring
GRAPHQL, LIMIT = "/graphql/", "/bench/limit"


@dataclass(frozen=True)
class Processes:
    """The first process of each part; all that descend from it count with it."""

    server: int
    postgres: tuple[int, ...]
    redis: tuple[int, ...]


@dataclass(frozen=True)
class Figures:
    """What was measured. Times of requests in milliseconds, CPU in milliseconds per request."""

    requests: int
    per_second: float
    p50: float
    p95: float
    p99: float
    server: float
    postgres: float
    redis: float
    client: float
    size: float
    hits: float


@dataclass(frozen=True)
class Prepared:
    """Requests whose answers were read whole, with the checksums of the right ones."""

    requests: list[bytes]
    sums: list[int]
    asks: list[Ask]
    hits: int


class WrongAnswerError(BenchError):
    """An answer is not what the facts lead to."""


def prepare(web: Web, shop: Shop, operation: Operation, path: str) -> Prepared:
    """Ask everything once, read and check the answers, and return the requests."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    requests, sums, asks, cursor, hits = [], [], operation.asks(shop), None, 0
    for ask in asks:
        body = _body(operation, ask, path, cursor)
        connection.request("POST", path, body, {"Host": shop.host, "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        data = check(operation.title, ask, answer.status, text)
        cursor = _cursor(data)
        requests.append(_request(path, shop.host, body))
        sums.append(zlib.crc32(text))
        hits += (answer.getheader("X-Cache") or "").lower() == "hit"
    connection.close()
    return Prepared(requests, sums, asks, hits)


def prepare_bare() -> Prepared:
    """Return a request that needs no shop and no database: what the server costs before it does anything."""
    return Prepared([b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"], [zlib.crc32(b'{"status": "ok"}')], [], 0)


def check(title: str, ask: Ask, status: int, text: bytes) -> Any:
    """Return the data of an answer, or raise WrongAnswerError."""
    parsed = json.loads(text) if status == 200 else {}
    wrong = f"status {status}: {text[:500]!r}" if status != 200 else str(parsed.get("errors") or "")
    wrong = wrong or ask.check(parsed["data"])
    if wrong:
        raise WrongAnswerError(f"{title}, {json.dumps(ask.variables)}: {wrong}")
    return parsed["data"]


def _body(operation: Operation, ask: Ask, path: str, cursor: str | None) -> bytes:
    if path == LIMIT:
        return json.dumps({"operation": operation.name, **ask.limit}).encode()
    variables = {**ask.variables, **({"after": cursor} if ask.follows else {})}
    return json.dumps({"query": operation.document, "variables": variables}).encode()


def _request(path: str, host: str, body: bytes) -> bytes:
    head = (f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def _cursor(data: Any) -> str | None:
    page = (data.get("products") or {}).get("pageInfo") or {}
    return page.get("endCursor")


def run(
    web: Web,
    title: str,
    prepared: Prepared,
    processes: Processes,
    *,
    connections: int,
    seconds: float,
    warm: float = 0.5,
) -> Figures:
    """Keep so many connections busy for so long and return what that cost. Raises WrongAnswerError."""
    job = {
        "port": web.port,
        "requests": [b64encode(request).decode() for request in prepared.requests],
        "sums": [[number] for number in prepared.sums],
        "connections": connections,
        "seconds": seconds,
        "warm": warm,
        "least": min(LEAST, 3 * len(prepared.requests)),
    }
    command = [sys.executable, "-S", "-m", "tests.bench.client"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.flush()
        if child.stdout.readline() != "ready\n":
            raise BenchError("The load generator failed.")
        before = _cpu(processes)
        child.stdin.write("\n")
        child.stdin.flush()
        line = child.stdout.readline()
        after = _cpu(processes)
    if not line:
        raise BenchError("The load generator failed.")
    seen = json.loads(line)
    _check_strange(title, prepared, seen)
    return _figures(seen, {part: after[part] - before[part] for part in before})


def _check_strange(title: str, prepared: Prepared, seen: dict[str, Any]) -> None:
    """Read the answers that differ in a byte from those read before: they must be right all the same."""
    for at, text in seen["strange"]:
        head, _, body = b64decode(text).partition(b"\r\n\r\n")
        if not prepared.asks:
            raise WrongAnswerError(f"{title}: {head!r} {body[:500]!r}")
        check(title, prepared.asks[at], int(head.split(b" ", 2)[1]), body)
    if seen["strangers"] > len(seen["strange"]):
        raise WrongAnswerError(
            f"{title}: {seen['strangers']} answers have other bytes than those read before measuring."
        )


def _figures(seen: dict[str, Any], cpu: dict[str, float]) -> Figures:
    times = sorted(seen["times"])
    count = len(times)

    def at(share: float) -> float:
        return 1000 * times[min(int(share * count), count - 1)]

    return Figures(
        requests=count,
        per_second=count / seen["seconds"],
        p50=at(0.5),
        p95=at(0.95),
        p99=at(0.99),
        server=1000 * cpu["server"] / count,
        postgres=1000 * cpu["postgres"] / count,
        redis=1000 * cpu["redis"] / count,
        client=1000 * seen["client_cpu"] / count,
        size=seen["bytes"] / count,
        hits=seen["caches"].get("hit", 0) / count,
    )


def _cpu(processes: Processes) -> dict[str, float]:
    """Return the seconds of CPU that each part has used so far, with all of its children, dead ones too."""
    children: dict[int, list[int]] = defaultdict(list)
    used: dict[int, int] = {}
    for pid, parent, ticks in _stats():
        children[parent].append(pid)
        used[pid] = ticks

    def of(roots: Iterable[int]) -> float:
        total, waiting = 0, list(roots)
        while waiting:
            pid = waiting.pop()
            total += used.get(pid, 0)
            waiting += children[pid]
        return total / TICKS

    return {"server": of([processes.server]), "postgres": of(processes.postgres), "redis": of(processes.redis)}


def _stats() -> Iterable[tuple[int, int, int]]:
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # Of proc(5), counted from the state: parent, and user and system time, own and of dead children.
        yield int(path.name), int(fields[1]), sum(map(int, fields[11:15]))
