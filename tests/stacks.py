"""The stack under the tests: its servers alone, and one for each process where `make test` runs several."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from commerce.stack import supervise
from commerce.stack.layout import Stack
from commerce.stack.services import SERVICES

# Their tests mostly wait: one process has them all, first, while the others keep the machine busy.
WAITING = ("tests/faults", "tests/workers", "tests/webhooks", "tests/outbox", "tests/cache", "tests/stack")
# What these share is dear, and made once.
TOGETHER = ("tests/isolation", "tests/bench")


def unit_of(test: str) -> str:
    """Return the name of the tests that run in one process, one after the other, with this one."""
    file = test.partition("::")[0]
    folder = "/".join(file.split("/")[:2])
    return "waiting" if folder in WAITING else folder if folder in TOGETHER else file


class Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out units in the order of collection."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test by itself, and begin with what takes longest, if there are several processes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _tell_apart(items)
        first = ("waiting", *TOGETHER)
        order = {unit: number for number, unit in enumerate(first)}
        items.sort(key=lambda item: order.get(unit_of(item.nodeid), len(order)))


def _tell_apart(items: Sequence[pytest.Item]) -> None:
    """Name the tests that schemathesis makes by their operations: of those that share a name, xdist runs one alone."""
    for item in items:
        if label := getattr(item, "operation_label", None):
            item._id = type(item._id).parse(f"{item.nodeid}[{label}]")
    known = Counter(item.nodeid for item in items)
    if many := [name for name, count in known.items() if count > 1]:
        raise pytest.UsageError(f"Several tests are called {many[0]}: not all of them would run.")


@pytest.fixture(scope="session", autouse=True)
def _servers_alone(_database) -> None:
    """End the stack's own relay, workers and beat: tests start those that they need, and compare rows."""
    if directory := os.environ.get("COMMERCE_STACK_DIR"):
        _stop_processes(Stack(Path(directory)))


@pytest.fixture(scope="module")
def whole_stack() -> Iterator[Stack]:
    """Return the stack that this test run stands on, with all its processes."""
    directory = os.environ["COMMERCE_STACK_DIR"]
    subprocess.run([sys.executable, "-m", "commerce.stack", "--dir", directory, "up"], check=True, capture_output=True)
    stack = Stack(Path(directory))
    yield stack
    _stop_processes(stack)


def _stop_processes(stack: Stack) -> None:
    for service in reversed(SERVICES):
        if service.group == "app":
            supervise.stop(stack, service)
