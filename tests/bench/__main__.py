"""`make bench`: load what is missing, measure, print the tables."""
# ruff: noqa: T201

import argparse
import contextlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from commerce.stack.errors import StackError
from commerce.stack.layout import Stack
from commerce.stack.processes import Interrupted, raise_on_signals
from tests.bench import ground, lists, measure, profiling, report, statements
from tests.bench.facts import FULL, QUICK, Facts, Plan, Town
from tests.bench.ground import BenchError, Web, say
from tests.bench.measure import GRAPHQL, LIMIT, Figures, Prepared, Processes
from tests.bench.operations import OPERATIONS, Budget, Operation, Shop
from tests.bench.report import Flat, Measured

BY_NAME = {operation.name: operation for operation in OPERATIONS}
CONNECTIONS = (1, 16)
PATIENCE = 3
COUNTED = 40
# What the web process is told so that it stores no answers.
UNCACHED = {"RESPONSE_CACHE": "0"}
FLAT = ("list", "product", "categories")
# What `--only` names beside the operations: the tables of lists, perhaps only those with some text in their names.
LISTS = "lists"


def main(arguments: Sequence[str]) -> int:
    """Run the bench and return its exit code: 0 where it ran, whatever the figures are."""
    options = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        with ground.bench_stack() as stack:
            _run(stack, QUICK if options.quick else FULL, options)
    except (BenchError, StackError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        return 128 + interruption.number
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shops and short runs, for trying")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--profile", metavar="NAME", help="profile this operation afterwards; 1: the slowest")
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join([*BY_NAME, LISTS])}; no flatness")
    parser.add_argument("--matching", metavar="TEXT", default="", help="of the lists those named like that")
    return parser


def _run(stack: Stack, plan: Plan, options: argparse.Namespace) -> None:
    began = time.monotonic()
    chosen = [] if options.only == LISTS else _chosen(options.only, options.profile)
    ground.prepare(stack, [plan.main] if options.only else plan.towns)
    if not options.only or options.only == LISTS:
        _lists(Bench(stack, plan), plan.main, options)
    if options.only == LISTS:
        return
    bench, load = Bench(stack, plan), os.getloadavg()[0]
    command = "make bench QUICK=1" if options.quick else "make bench"
    heading = report.heading(stack, command, plan.main, bench.bare(plan.main), load)
    rows = bench.operations(plan.main, chosen)
    flats = [] if options.only else [bench.flatness(plan.by_shops, FLAT), bench.flatness(plan.by_size, FLAT)]
    tables = [report.flat_table(flat, "server + PostgreSQL ms") for flat in flats]
    text = "\n\n".join([heading, report.operations_table(rows), _menu(), *tables])
    print(text)
    print(
        "\n".join(["", *(report.over(rows, [row for flat in flats for row in flat]) or ["All is within its budget."])])
    )
    if options.write:
        report.write(text)
        say(f"Written to {report.PAGE}.")
    if options.profile:
        print(f"\n{bench.profile(plan.main, _profiled(options.profile, rows))}")
    say(f"That took {(time.monotonic() - began) / 60:.1f} minutes.")


def _lists(bench: "Bench", town: Town, options: argparse.Namespace) -> None:
    """Measure and print lists, and write them down where all were measured."""
    load = os.getloadavg()[0]
    text = f"Load average before: {load:.1f}.\n\n{bench.lists(town, options.matching)}"
    print(text)
    if options.write and not options.matching:
        report.write(text, marks=report.LISTS)
        say(f"Written to {report.PAGE}.")


def _menu() -> str:
    """Say what is not measured yet."""
    from commerce.schema import schema  # needs Django, which the loader sets up

    built = schema.query_type is not None and "menu" in schema.query_type.fields
    return "menu: not measured yet, tests/bench/operations.py lacks it." if built else "menu: not built yet."


def _chosen(only: str | None, profile: str | None) -> list[Operation]:
    """Return the operations to measure, all if none is named. Raises BenchError for a name that is none."""
    names = only.split(",") if only else list(BY_NAME)
    for name in [*names, *([profile] if profile and profile != "1" else [])]:
        if name not in BY_NAME:
            raise BenchError(f"There is no operation {name!r}: choose among {', '.join(BY_NAME)}.")
    return [BY_NAME[name] for name in names]


def _profiled(name: str, rows: Sequence[Measured]) -> Operation:
    """Return the operation of this name, or the one that takes the most CPU uncached."""
    costs = {row.operation: row.figures.server + row.figures.postgres for row in rows if row.way == "uncached"}
    if name in BY_NAME:
        return BY_NAME[name]
    return max(costs, key=lambda operation: costs[operation])


@dataclass(frozen=True)
class Way:
    """How an operation is answered: by a web process with this environment, at this address."""

    name: str
    environment: dict[str, str]
    path: str

    def budget(self, operation: Operation) -> Budget:
        return {"uncached": operation.uncached, "cached": operation.cached}.get(self.name, Budget())


WAYS = (Way("uncached", UNCACHED, GRAPHQL), Way("cached", {}, GRAPHQL), Way("limit", UNCACHED, LIMIT))


class Bench:
    """A stack that is measured as a plan says."""

    def __init__(self, stack: Stack, plan: Plan) -> None:
        self.stack = stack
        self.plan = plan
        pids = {name: stack.state.processes[name].identity.pid for name in ground.SERVERS}
        self.postgres = (pids["primary"], pids["standby"])
        self.redis = (pids["cache"], pids["broker"])

    def operations(self, town: Town, chosen: Sequence[Operation]) -> list[Measured]:
        """Measure operations in a town: uncached, cached where answers are, and the limit."""
        shop = self._shop(town)
        found: dict[tuple[str, str], list[Measured]] = {}
        for way in WAYS:
            counts = self._counts(town, shop, chosen, way)
            with ground.web(self.stack, town.name, more=way.environment) as web:
                for operation in chosen:
                    prepared = _warm(web, shop, operation, way.path)
                    if way.name == "cached" and not prepared.hits:
                        say(f"{operation.title}: answers are not cached")
                        continue
                    found[operation.name, way.name] = [
                        self._row(web, operation, way, prepared, connections, counts[operation.name])
                        for connections in CONNECTIONS
                    ]
        return [row for operation in chosen for way in WAYS for row in found.get((operation.name, way.name), [])]

    def _row(
        self, web: Web, operation: Operation, way: Way, prepared: Prepared, connections: int, statements: float
    ) -> Measured:
        best = self._best(web, operation.title, prepared, connections)
        what = f"{operation.title}, {way.name}, {connections} connections"
        say(f"{what}: {best.server:.2f} ms server, {best.postgres:.2f} ms PostgreSQL")
        return Measured(operation, way.name, connections, best, statements, way.budget(operation))

    def flatness(self, towns: Sequence[Town], names: Sequence[str]) -> list[Flat]:
        """Measure operations in several towns by turns, and return the best of each."""
        chosen = [operation for operation in OPERATIONS if operation.name in names]
        found: dict[tuple[str, str], list[Figures]] = defaultdict(list)
        with contextlib.ExitStack() as webs:
            asked = []
            for town in towns:
                say(f"preparing {town.words}")
                web = webs.enter_context(ground.web(self.stack, town.name, more=UNCACHED))
                shop = self._shop(town)
                asked.append((town, web, {one.name: _warm(web, shop, one, GRAPHQL) for one in chosen}))
            flats: list[Flat] = []
            for turn in range(PATIENCE * self.plan.rounds):
                if turn >= self.plan.rounds and all(flat.ratio <= report.FLAT for flat in flats):
                    break  # a busy machine needs more turns to be told from a slow query
                say(f"measuring by turns, {turn + 1}")
                for operation in chosen:
                    for town, web, prepared in asked:
                        figures = self._measure(web, operation.title, prepared[operation.name], 1)
                        found[operation.name, town.name].append(figures)
                flats = [Flat(one, towns, [_best(found[one.name, town.name]) for town in towns]) for one in chosen]
        return flats

    def lists(self, town: Town, only: str = "") -> str:
        """Return the table of what PostgreSQL takes for lists of products in every order, narrowed in every way."""
        return lists.table(lists.measure(self.stack, town.name, self._shop(town), UNCACHED, only))

    def profile(self, town: Town, operation: Operation) -> str:
        """Return a summary of where the time of an operation goes uncached."""
        say(f"profiling: {operation.title}")
        return profiling.profile(self.stack, town.name, self._shop(town), operation, UNCACHED)

    def bare(self, town: Town) -> Figures:
        """Measure a view that does nothing: how fast the machine is just now."""
        with ground.web(self.stack, town.name) as web:
            return self._best(web, "bare view", measure.prepare_bare(), 1)

    def _best(self, web: Web, title: str, prepared: Prepared, connections: int) -> Figures:
        return _best([self._measure(web, title, prepared, connections) for _ in range(self.plan.rounds)])

    def _measure(self, web: Web, title: str, prepared: Prepared, connections: int) -> Figures:
        processes = Processes(web.pid, self.postgres, self.redis)
        return measure.run(web, title, prepared, processes, connections=connections, seconds=self.plan.seconds)

    def _counts(self, town: Town, shop: Shop, chosen: Sequence[Operation], way: Way) -> dict[str, float]:
        """Return the statements per request of each operation, once processes and caches are warm."""
        say(f"counting statements, {way.name}")
        counts = {}
        with (
            statements.logged(self.stack, town.name) as read,
            ground.web(self.stack, town.name, more=way.environment) as web,
        ):
            for operation in chosen:
                _warm(web, shop, operation, way.path)
                read()
                asked = 0
                while asked < COUNTED:  # what a process looks up once in a while weighs little then
                    asked += len(measure.prepare(web, shop, operation, way.path).requests)
                counts[operation.name] = sum(statement.is_counted for statement in read()) / asked
        return counts

    def _shop(self, town: Town) -> Shop:
        """Return the first shop of a town."""
        with psycopg.connect(ground.superuser_url(self.stack, town.name)) as connection:
            statement = "SELECT t.id, t.public_id FROM tenants_tenant t JOIN tenants_domain d ON d.tenant_id = t.id"
            found = connection.execute(f"{statement} WHERE d.host = %s", [town.host(0)]).fetchone()
        assert found is not None
        number, public_id = found
        return Shop(Facts(town.sizes[0]), number, public_id, town.host(0))


def _warm(web: Web, shop: Shop, operation: Operation, path: str) -> Prepared:
    """Ask until each worker has answered some, and return what the last answers were like."""
    for _ in range(2):
        measure.prepare(web, shop, operation, path)
    return measure.prepare(web, shop, operation, path)


def _best(found: Sequence[Figures]) -> Figures:
    """Return the run with the least CPU: what disturbs a run only adds to it."""
    return min(found, key=lambda figures: figures.server + figures.postgres)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
