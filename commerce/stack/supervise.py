"""Bring the processes up and down, and say how they are."""

import contextlib
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from commerce.stack import ports, processes
from commerce.stack.errors import ProcessDied, StackError, tail
from commerce.stack.layout import Stack
from commerce.stack.processes import uninterrupted
from commerce.stack.services import MIGRATE, SERVICES, Service, migrate_command
from commerce.stack.state import Record, write_env

PATIENCE = 45.0  # seconds until a process must be healthy
ATTEMPTS = 4
# PostgreSQL, Redis and gunicorn, in this order, when somebody else was faster.
PORT_TAKEN = ("Address already in use", "Could not create server TCP listening socket", "Connection in use")
# A primary that was killed leaves its memory to sessions which need a moment to notice.
MEMORY_IN_USE = "pre-existing shared memory block"

Say = Callable[[str], None]


def up(stack: Stack, names: Collection[str], *, say: Say) -> list[str]:
    """Start the named processes that do not run, wait until all are healthy, and return who was started."""
    started: list[str] = []
    selected = [service for service in SERVICES if service.name in names]
    for service in selected:
        _choose_port(stack, service)
    for wave in sorted({service.wave for service in SERVICES}):
        if wave == 2 and MIGRATE in names:
            _migrate(stack, say=say)
        services = [service for service in selected if service.wave == wave]
        started += [service.name for service in services if _start(stack, service, say=say)]
        _wait(stack, services)
    write_env(stack.env_file, stack.all_addresses())
    return started


def is_running(stack: Stack, name: str) -> bool:
    """Say whether a process that we started still runs."""
    record = stack.state.processes.get(name)
    return record is not None and processes.is_alive(record.identity)


def died(stack: Stack) -> list[str]:
    """Return the processes that ended by themselves, in the order of their start."""
    return [
        service.name
        for service in SERVICES
        if service.name in stack.state.processes and not is_running(stack, service.name)
    ]


def report(stack: Stack, names: Collection[str]) -> str:
    """Return, for each of these dead processes, its name and the end of its log."""
    return "\n".join(f"{name} died. The end of {stack.log(name)}:\n{tail(stack.log(name))}" for name in names)


def down(stack: Stack) -> list[str]:
    """End what we started, the last first, and return who was running."""
    stopped = []
    for service in reversed(SERVICES):
        if is_running(stack, service.name):
            stopped.append(service.name)
        stop(stack, service)
    return stopped


def stop(stack: Stack, service: Service) -> None:
    """End a process politely and forget it; one that died before leaves nothing behind either."""
    record = stack.state.processes.get(service.name)
    if record is None:
        return
    if stack.throwaway and service.group == "app":
        processes.kill_session(record.identity)
        processes.wait_until_gone(record.identity, 5)
    else:
        processes.stop(record.identity, first=service.stop_signal)
    del stack.state.processes[service.name]
    stack.state.save()


def kill(stack: Stack, service: Service) -> None:
    """Kill a process with all its children at once, as a crash would; it is remembered as dead."""
    if not is_running(stack, service.name):
        raise StackError(f"{service.name} is not running.")
    identity = stack.state.processes[service.name].identity
    processes.kill_session(identity)
    processes.wait_until_gone(identity, 10)


def _choose_port(stack: Stack, service: Service) -> None:
    if service.first_port is None:
        return
    mine = stack.state.ports
    running = is_running(stack, service.name)
    if not running and service.name in stack.state.processes:
        processes.kill_session(stack.state.processes[service.name].identity)  # what holds its port still
    wanted = os.environ.get("PORT") if service.name == "web" and not stack.throwaway else None
    if wanted:
        mine[service.name] = _wanted_port(wanted, mine.get(service.name) if running else None)
    elif not running and (service.name not in mine or not ports.is_free(mine[service.name])):
        others = [port for name, port in mine.items() if name != service.name]
        tried = ports.candidates(service.first_port, scattered=stack.throwaway)
        mine[service.name] = ports.choose(tried, taken=others)
    stack.state.save()


def _wanted_port(text: str, mine: int | None) -> int:
    port = int(text) if text.isdecimal() else 0
    if not 0 < port < 65536:
        raise StackError(f"PORT={text} is no TCP port.")
    if port != mine and not ports.is_free(port):
        raise StackError(f"PORT={port} is taken by another program (or not ours to use): choose another.")
    return port


def _start(stack: Stack, service: Service, *, say: Say) -> bool:
    record = stack.state.processes.get(service.name)
    running = is_running(stack, service.name)
    if running and record and record.fingerprint == service.command(stack).fingerprint:
        return False
    if record:
        say(f"{service.name}: its settings changed, restarting" if running else f"{service.name} had died:")
        if not running:
            say(tail(stack.log(service.name)))
        stop(stack, service)
    say(f"{service.name}: starting")
    if service.prepare:
        service.prepare(stack)
    _spawn(stack, service)
    return True


def _spawn(stack: Stack, service: Service) -> None:
    log = stack.log(service.name)
    command = service.command(stack)
    with uninterrupted():
        with processes.open_log(log):  # set a long one aside before its size is taken
            offset = log.stat().st_size
        stack.state.processes[service.name] = Record(processes.spawn(command, log), command.fingerprint, offset)
        stack.state.save()


def _wait(stack: Stack, services: Collection[Service]) -> None:
    """Wait until these are healthy; raise ProcessDied as soon as any process of the stack is lost."""
    waiting = [_Start(stack, service) for service in services]
    others = {name for name in stack.state.processes if is_running(stack, name)}
    others -= {service.name for service in services}
    while waiting:
        waiting = [start for start in waiting if not start.is_done()]
        for name in died(stack):
            if name in others:
                raise ProcessDied(name, stack.log(name))
        time.sleep(0.05 if waiting else 0)


class _Start:
    """One process on its way to health: it may try again for a cause that passes."""

    def __init__(self, stack: Stack, service: Service) -> None:
        self.stack = stack
        self.service = service
        self.attempts = 0
        self.rebuilt = False
        self.deadline = time.monotonic() + PATIENCE

    def is_done(self) -> bool:
        """Say whether it is healthy; raise ProcessDied where it will not become so."""
        if is_running(self.stack, self.service.name):
            if self.service.is_healthy(self.stack):
                if self.service.when_healthy:
                    self.service.when_healthy(self.stack)
                return True
            if time.monotonic() < self.deadline:
                return False
            self._rebuild(f"is not healthy after {PATIENCE:.0f} seconds")
        else:
            log = self.stack.log_since_start(self.service.name)
            self.attempts += 1
            if self.attempts < ATTEMPTS and any(text in log for text in PORT_TAKEN):
                _choose_port(self.stack, self.service)
            elif self.attempts < 5 * ATTEMPTS and MEMORY_IN_USE in log:
                time.sleep(0.5)
            else:
                self._rebuild("died")
        self.deadline = time.monotonic() + PATIENCE
        _spawn(self.stack, self.service)
        return False

    def _rebuild(self, what: str) -> None:
        """Make its data again, once, where that is a copy (the standby's); raise ProcessDied otherwise."""
        service = self.service
        if self.rebuilt or not service.discard or not service.prepare or not is_running(self.stack, "primary"):
            raise ProcessDied(service.name, self.stack.log(service.name), what)
        self.rebuilt = True
        stop(self.stack, service)
        service.discard(self.stack)
        service.prepare(self.stack)


def _migrate(stack: Stack, *, say: Say) -> None:
    say("migrating the database")
    log = stack.log(MIGRATE)
    with processes.open_log(log) as file, processes.popen(migrate_command(stack), stdout=file.fileno()) as child:
        try:
            code = child.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            raise
    if code:
        raise ProcessDied(MIGRATE, log, "failed")


def log_files(stack: Stack, name: str | None) -> list[Path]:
    """Return the logs that exist, or the one of this name; raise StackError where there is none."""
    found = [stack.log(name)] if name else sorted((stack.directory / "logs").glob("*.log"))
    if not found or not all(path.exists() for path in found):
        raise StackError(f"No log of {name or 'any process'} in {stack.directory / 'logs'}.")
    return found
