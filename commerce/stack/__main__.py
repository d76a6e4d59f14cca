"""Run the local stack: `python -m commerce.stack up`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from commerce.stack import supervise, throwaway
from commerce.stack.errors import StackError
from commerce.stack.layout import PROJECT, Stack
from commerce.stack.processes import Interrupted, raise_on_signals
from commerce.stack.services import SERVICES, get, select
from commerce.stack.state import locked

LOCK_PATIENCE = 180.0  # seconds


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code: 1 for an error, 3 where `status` finds no stack."""
    options = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        return int(options.handler(options))
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        print(f"stack: ended by {interruption}", file=sys.stderr)
        return 128 + interruption.number


def _up(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        started = supervise.up(stack, select(options.only), say=_say)
        print("The stack is up." if started else "The stack is already running.")
        _print_addresses(stack)
    return 0


def _down(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        stopped = supervise.down(stack)
    print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")
    return 0


def _reset(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        supervise.down(stack)
        stack.delete()
    print("Stopped the stack and deleted its data.")
    return 0


def _status(options: argparse.Namespace) -> int:
    stack = _stack(options)
    dead = supervise.died(stack)
    for service in SERVICES:
        record = stack.state.processes.get(service.name)
        running = record is not None and service.name not in dead
        port = stack.state.ports.get(service.name)
        health = ("healthy" if service.is_healthy(stack) else "NOT HEALTHY") if running else ""
        word = "running" if running else "DIED" if record else "stopped"
        where = f"127.0.0.1:{port}" if running and port else ""
        pid = f"pid {record.identity.pid}" if running and record else ""
        print(f"{service.name:<8} {word:<8} {health:<12} {pid:<12} {where}".rstrip())
    if dead:
        print(supervise.report(stack, dead), file=sys.stderr)
        return 1
    return 0 if stack.state.processes else 3


def _logs(options: argparse.Namespace) -> int:
    stack = Stack(Path(options.dir))
    files = [str(path) for path in supervise.log_files(stack, options.name)]
    os.execvp("tail", ["tail", "-n", "20", "-F", *files])  # noqa: S606


def _start(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        supervise.up(stack, [get(options.name).name], say=_say)
    return 0


def _stop(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        supervise.stop(stack, get(options.name))
    return 0


def _restart(options: argparse.Namespace) -> int:
    return _stop(options) or _start(options)


def _kill(options: argparse.Namespace) -> int:
    with _locked_stack(options) as stack:
        supervise.kill(stack, get(options.name))
    return 0


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise StackError("Say what to run: python -m commerce.stack run -- pytest")
    if options.copies < 1:
        raise StackError("--copies must be 1 or more.")
    return throwaway.run(command, select(options.only), copies=options.copies, say=_say)


def _guard(options: argparse.Namespace) -> int:
    throwaway.guard(Path(options.dir))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _stack(options: argparse.Namespace) -> Stack:
    return Stack(Path(options.dir))


@contextlib.contextmanager
def _locked_stack(options: argparse.Namespace) -> Iterator[Stack]:
    # The state is read under the lock: the command before ours may have changed it.
    directory = Path(options.dir)
    lock = Stack(directory).lock_file
    with locked(lock, timeout=LOCK_PATIENCE):
        yield Stack(directory)


def _print_addresses(stack: Stack) -> None:
    state = stack.state
    if "web" in state.processes:
        print(f"  web       http://127.0.0.1:{state.ports['web']}")
    for name in ("primary", "standby"):
        if name in state.processes:
            found = stack.postgres
            print(f"  {name:<9} 127.0.0.1:{state.ports[name]} (PostgreSQL {found.major}, {found.source})")
    for name in ("cache", "broker"):
        if name in state.processes:
            print(f"  {name:<9} 127.0.0.1:{state.ports[name]} (Redis, {stack.redis.source})")
    print(f"  addresses with passwords: {stack.env_file}")
    print(f"  logs: {stack.directory / 'logs'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commerce.stack", description=__doc__)
    parser.add_argument("--dir", default=str(PROJECT / ".stack"), help="the state directory (default: .stack)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, handler: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(handler=handler)
        return command

    only = "a comma-separated part: postgres, redis, app, migrate, or names of processes"
    add("up", _up, "start what does not run, and wait until it is healthy").add_argument("--only", help=only)
    add("down", _down, "stop what was started")
    add("status", _status, "show the processes; exit 1 if one died, 3 if nothing runs")
    add("logs", _logs, "follow the logs, or one").add_argument("name", nargs="?")
    add("reset", _reset, "stop, and delete the data")
    add("start", _start, "start one process").add_argument("name")
    add("stop", _stop, "stop one process").add_argument("name")
    add("restart", _restart, "stop and start one process").add_argument("name")
    add("kill", _kill, "kill one process, as a crash would").add_argument("name")
    run = add("run", _run, "run a command beside a throw-away stack of its own")
    run.add_argument("--only", help=only)
    run.add_argument("--copies", type=int, default=1, help="so many stacks, for a command that works in several parts")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    commands.add_parser(throwaway.GUARD).set_defaults(handler=_guard)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
