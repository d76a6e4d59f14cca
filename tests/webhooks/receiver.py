"""A real HTTP receiver: threads, keep-alive, and answers as a test wants them. As a process it prints its address."""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: header names in lower case, and the monotonic moment of its arrival."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event_id(self) -> str:
        return self.headers["x-event-id"]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A receiver of webhooks at `url`. `answer(received)` is the status, or that and headers.

    It may wait, or raise to cut the line.
    """

    answer: Callable[[Received], int | tuple[int, dict[str, str]]] = lambda received: 200
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Received(self.path, headers, body, time.monotonic())
                receiver.received.append(got)
                told = receiver.answer(got)
                status, more = told if isinstance(told, tuple) else (told, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)

    def of(self, path: str) -> list[Received]:
        return [received for received in self.received if received.path == f"/{path}"]


if __name__ == "__main__":
    opened = Receiver()
    sys.stdout.write(f"{opened.url}\n")
    sys.stdout.flush()
    while True:
        time.sleep(1)
        opened.received.clear()
