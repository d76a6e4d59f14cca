"""The processes of a shop's deployment on a stack of their own: started, killed as a crash would, started again."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from commerce.stack import ports, processes
from commerce.stack.layout import PROJECT
from commerce.stack.processes import Command
from commerce.stack.services import get
from commerce.stack.state import Identity
from commerce.stack.throwaway import MARK
from tests.faults.conftest import Servers

PATIENCE = 60.0
# What is killed: each kind with the processes, or servers of the stack, of which one is drawn.
TARGETS = {
    "web": ("web",),
    "relay": ("relay", "relay2"),
    "worker": ("webhooks", "webhooks2"),
    "broker Redis": ("broker",),
    "cache Redis": ("cache",),
    "PostgreSQL": ("primary",),
    "writer": ("writer0", "writer1"),
}
SERVERS = ("broker", "cache", "primary")
# Who changes a shop: by operations, by the admin's forms, over REST.
LOAD = ("writer", "staff", "office")


@dataclass
class Cluster:
    """Two relays, two workers of the queue `webhooks`, beat, the web server, and those who change two shops."""

    servers: Servers
    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    shops: list[dict[str, Any]] = field(default_factory=list)
    _running: dict[str, tuple[Identity, int]] = field(default_factory=dict)

    @contextlib.contextmanager
    def up(self) -> Iterator["Cluster"]:
        """Run everything; end it afterwards."""
        state = self.servers.stack.state
        state.ports["web"] = ports.choose(ports.candidates(0, scattered=True))
        state.save()
        receiver = self._call("receiver", str(self.receipts))
        try:
            assert receiver.stdout
            url = receiver.stdout.readline().strip()
            prepare = self._call("prepare", url, "2")
            opened, _ = prepare.communicate(timeout=PATIENCE)
            self.shops = json.loads(opened)
            for number, shop in enumerate(self.shops):
                self._file(number).write_text(json.dumps(shop))
            for name in ("web", "relay", "relay2", "webhooks", "webhooks2", "beat"):
                self.start(name)
            yield self
        finally:
            for name in self._running:
                self.kill(name)
            receiver.kill()
            receiver.communicate()

    def start_load(self) -> None:
        """Have both shops changed, in each of the ways."""
        for name in self.load:
            self.start(name)

    def stop_load(self) -> None:
        """End the writers between two transactions, or in the midst of one: it makes no difference."""
        for name in self.load:
            self.kill(name)

    @property
    def load(self) -> list[str]:
        return [f"{kind}{number}" for number in range(len(self.shops)) for kind in LOAD]

    @property
    def receipts(self) -> Path:
        return self.folder / "receipts"

    def told(self, number: int) -> list[Path]:
        """Return the logs of those who change a shop."""
        return [path for kind in LOAD if (path := self.folder / f"told-{kind}{number}").exists()]

    def start(self, name: str) -> None:
        """Start a process or server, and wait until it is at work."""
        if name in SERVERS:
            self.servers.start(name)
            return
        log = self.servers.stack.log(name)
        offset = log.stat().st_size if log.exists() else 0
        self._running[name] = (processes.spawn(self._command(name), log), offset)
        deadline = time.monotonic() + PATIENCE
        while not self._is_at_work(name, log, offset):
            assert processes.is_alive(self._running[name][0]), f"{name} died: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{name} is not at work: {log.read_text()[-2000:]}"
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """Kill a process or server with all its children, by SIGKILL."""
        if name in SERVERS:
            self.servers.kill(name)
            return
        identity, _ = self._running[name]
        processes.kill_session(identity)
        processes.wait_until_gone(identity, 10)
        if (child := processes._children.pop(identity.pid, None)) is not None:
            child.wait(10)  # its threads end after it

    def strike(self, kind: str) -> Callable[[], None]:
        """Kill one of a kind, and return what brings it back."""
        name = random.choice(TARGETS[kind])
        if kind == "web" and random.random() < 0.5 and self._kill_child(name):
            return lambda: None  # gunicorn starts another one
        self.kill(name)
        return lambda: self.start(name)

    def _kill_child(self, name: str) -> bool:
        identity, _ = self._running[name]
        children = Path(f"/proc/{identity.pid}/task/{identity.pid}/children").read_text().split()
        if not children:
            return False
        os.kill(int(random.choice(children)), signal.SIGKILL)
        return True

    def _is_at_work(self, name: str, log: Path, offset: int) -> bool:
        if name == "web":
            return self._answers()
        words = {"relay": b"relay is ready", "relay2": b"relay is ready", "beat": b"beat: Starting"}
        words |= {"webhooks": b" ready.", "webhooks2": b" ready."}
        return words.get(name, b"") in log.read_bytes()[offset:]

    def _answers(self) -> bool:
        request = urllib.request.Request(f"{self.web}/health/ready", headers={"Host": "localhost"})
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.servers.stack.state.ports['web']}"

    def _command(self, name: str) -> Command:
        stack = self.servers.stack
        more = {MARK: str(stack.directory), "RATE_LIMIT": "0", **self.more}
        if name.startswith(LOAD):
            return Command(self._arguments(name), self._environment(), PROJECT)
        command = get(name.removesuffix("2")).command(stack)
        arguments = [argument.replace("=webhooks@", f"={name}@") for argument in command.arguments]
        return replace(command, arguments=arguments, environment={**command.environment, **more})

    def _arguments(self, name: str) -> list[str]:
        kind, number = name[:-1], int(name[-1])
        files = [str(self._file(number)), str(self.folder / f"told-{name}")]
        return [sys.executable, "-m", f"tests.faults.events.{kind}", *([] if kind == "writer" else [self.web]), *files]

    def _file(self, number: int) -> Path:
        return self.folder / f"shop-{number}"

    def _environment(self) -> dict[str, str]:
        return {**self.servers.environment(), MARK: str(self.servers.stack.directory)}

    def _call(self, module: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.faults.events.{module}", *arguments],
            cwd=PROJECT,
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
