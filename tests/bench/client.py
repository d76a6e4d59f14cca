"""The load: a process that keeps so many connections busy, one request at a time on each.

It reads a Job from standard input, prints "ready" when it is warm, goes when it reads a line, and prints what it saw
as JSON. Its own CPU is told apart, and is nobody else's.
"""
# ruff: noqa: T201

import json
import select
import socket
import sys
import time
import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator
from typing import Any

KEPT = 5  # strange answers
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Connection:
    """A socket with keep-alive and the answer that is coming in."""

    def __init__(self, port: int, requests: list[bytes], first: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.at = first % len(requests)
        self.buffer = bytearray()

    def send(self) -> None:
        """Send the next request."""
        self.buffer.clear()
        self.blank = 0  # where the body begins, once the head is there
        self.end: int | None = None  # where it ends, if the head says so
        self.at = (self.at + 1) % len(self.requests)
        self.started = time.perf_counter()
        self.socket.sendall(self.requests[self.at])

    def receive(self) -> tuple[bytes, bytes] | None:
        """Read what is there and return head and body once they are whole."""
        chunk = self.socket.recv(262_144)
        if not chunk:
            raise ConnectionError(f"The server closed the connection after {bytes(self.buffer)!r}.")
        self.buffer += chunk
        if not self.blank:
            self.blank = self.buffer.find(b"\r\n\r\n") + 4
            if self.blank < 4:
                self.blank = 0
                return None
            head = bytes(self.buffer[: self.blank]).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            self.end = self.blank + int(length) if length else None
        if self.end is None and self.buffer.endswith(LAST_CHUNK):
            return bytes(self.buffer[: self.blank]), b"".join(_chunks(self.buffer, self.blank))
        if self.end is None or len(self.buffer) < self.end:
            return None
        return bytes(self.buffer[: self.blank]), bytes(self.buffer[self.blank : self.end])


def _chunks(buffer: bytearray, at: int) -> Iterator[bytes]:
    """Yield the chunks of a body (RFC 9112, 7.1) that begins there and is whole."""
    while True:
        line = buffer.index(b"\r\n", at)
        size = int(buffer[at:line], 16)
        if not size:
            return
        yield bytes(buffer[line + 2 : line + 2 + size])
        at = line + 4 + size


class Load:
    """Everything that was seen so far."""

    def __init__(self, job: dict[str, Any]) -> None:
        requests = [b64decode(text) for text in job["requests"]]
        self.right = [frozenset(sums) for sums in job["sums"]]
        spread = max(len(requests) // job["connections"], 1)
        self.connections = [Connection(job["port"], requests, n * spread) for n in range(job["connections"])]
        self.poll = select.epoll()
        self.by_number = {connection.socket.fileno(): connection for connection in self.connections}
        for number in self.by_number:
            self.poll.register(number, select.EPOLLIN)
        self.forget()

    def forget(self) -> None:
        self.times: list[float] = []
        self.bytes = 0
        self.caches: Counter[str] = Counter()
        self.strange: list[tuple[int, str]] = []
        self.strangers = 0

    def run(self, seconds: float, least: int) -> None:
        """Ask for so long, and until so many were answered; then wait for the answers under way."""
        began = time.perf_counter()
        for connection in self.connections:
            connection.send()
        open_answers = len(self.connections)
        while open_answers:
            for number, _ in self.poll.poll():
                connection = self.by_number[number]
                answer = connection.receive()
                if answer is None:
                    continue
                now = time.perf_counter()
                self.take(connection, now - connection.started, *answer)
                if now - began < seconds or len(self.times) < least:
                    connection.send()
                else:
                    open_answers -= 1

    def take(self, connection: Connection, took: float, head: bytes, body: bytes) -> None:
        self.times.append(took)
        self.bytes += len(body)
        if not head.startswith(b"HTTP/1.1 200") or zlib.crc32(body) not in self.right[connection.at]:
            self.strangers += 1
            if len(self.strange) < KEPT:
                self.strange.append((connection.at, b64encode(head + body).decode()))
        marker = head.lower().find(b"x-cache:")
        if marker >= 0:
            self.caches[head[marker + 8 :].partition(b"\r\n")[0].strip().lower().decode()] += 1


def main() -> None:
    job = json.loads(sys.stdin.readline())
    load = Load(job)
    load.run(job["warm"], job["least"])
    load.forget()
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, began = time.process_time(), time.perf_counter()
    load.run(job["seconds"], 1)
    took = time.perf_counter() - began
    print(
        json.dumps(
            {
                "seconds": took,
                "client_cpu": time.process_time() - cpu,
                "times": load.times,
                "bytes": load.bytes,
                "caches": load.caches,
                "strange": load.strange,
                "strangers": load.strangers,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
