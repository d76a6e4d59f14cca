"""Receivers on real sockets that do to a request whatever a function says."""

import socket
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


@dataclass
class Receiver:
    """`requests` has what was read, head and body; `connections` counts those that were taken."""

    port: int
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"


def read_request(opened: socket.socket) -> bytes:
    """Read one request with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = opened.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += opened.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(*answers: bytes):
    """Return a behaviour: the nth request of a connection gets the nth answer, the last one again and again."""

    def behave(opened, receiver):
        number = 0
        while request := read_request(opened):
            receiver.requests.append(request)
            opened.sendall(answers[min(number, len(answers) - 1)])
            number += 1

    return behave


def then(*steps):
    """Return a behaviour that reads one request and then sends bytes, waits for seconds, or calls a function."""

    def behave(opened, receiver):
        receiver.requests.append(read_request(opened))
        for step in steps:
            if isinstance(step, bytes):
                opened.sendall(step)
            elif callable(step):
                step(opened)
            else:
                receiver.closing.wait(step)

    return behave


def drip(data: bytes, every: float):
    def step(opened):
        for byte in data:
            opened.sendall(bytes([byte]))
            time.sleep(every)

    return step


@contextmanager
def receiver(behave, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, silent_for: float = 0):
    """Open a receiver, which says nothing for so many seconds to a connection that it has taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as ending:
        listening = ending.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, 0))
        listening.listen(128)
        found = Receiver(listening.getsockname()[1], f"[{host}]" if ":" in host else host)
        taken: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def serve(opened):
            with suppress(OSError), opened:
                found.closing.wait(silent_for)
                if tls:
                    with tls.wrap_socket(opened, server_side=True) as secured:
                        taken.append(secured)
                        behave(secured, found)
                else:
                    behave(opened, found)

        def take():
            with suppress(OSError):
                while True:
                    opened, _ = listening.accept()
                    found.connections += 1
                    taken.append(opened)
                    threads.append(threading.Thread(target=serve, args=(opened,), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=take, daemon=True)
        accepting.start()
        try:
            yield found
        finally:
            found.closing.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for opened in taken:
                with suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
            accepting.join(5)
            for thread in threads:
                thread.join(5)
