"""The tables of the bench, in Markdown, and their place in docs/performance.md."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from commerce.stack.layout import PROJECT, Stack
from tests.bench.facts import Town
from tests.bench.ground import superuser_url
from tests.bench.measure import Figures
from tests.bench.operations import Budget, Operation

PAGE = PROJECT / "docs" / "performance.md"
BEGIN, END = "<!-- made by `make bench WRITE=1`: begin -->", "<!-- made by `make bench WRITE=1`: end -->"
LISTS = tuple(f"<!-- made by `python -m tests.bench --only lists --write`: {word} -->" for word in ("begin", "end"))
FLAT = 1.3
BARE = 0.30  # ms
LIBRARIES = ("django", "gunicorn", "graphql-core", "psycopg", "orjson")


@dataclass(frozen=True)
class Measured:
    """One row: an operation, how it was answered (uncached, cached, limit), and what that took."""

    operation: Operation
    way: str
    connections: int
    figures: Figures
    statements: float
    budget: Budget


@dataclass(frozen=True)
class Flat:
    """One row of the flatness table: the same operation in towns of growing size."""

    operation: Operation
    towns: Sequence[Town]
    figures: Sequence[Figures]

    @property
    def ratio(self) -> float:
        """What the dearest town costs, for what the cheapest does, in CPU of server and PostgreSQL."""
        costs = [figures.server + figures.postgres for figures in self.figures]
        return max(costs) / min(costs)


def heading(stack: Stack, command: str, town: Town, bare: Figures, load: float) -> str:
    """Return on what, with what and when was measured.

    `bare` is a view that does nothing, `load` the load average before we came.
    """
    with psycopg.connect(superuser_url(stack, "postgres")) as connection:
        found = connection.execute("SHOW server_version").fetchone()
    postgres = str(found[0]) if found else "?"
    told = subprocess.run([stack.redis.program, "--version"], capture_output=True, text=True, check=True).stdout
    redis = told.partition("v=")[2].partition(" ")[0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        f"- `{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_commit()}",
        f"- {os.cpu_count()} cores, {_cpu_model()}, {_memory()} GB, {platform.system()} {platform.release()}; "
        "everything runs on this machine, the load generator too",
        f"- Python {platform.python_version()}, PostgreSQL {postgres}, Redis {redis}, {libraries}",
        f"- {town.words} products; the first shop is asked",
        f"- load average before: {load:.1f}; a view that does nothing takes {bare.server:.2f} ms of the server "
        f"({BARE:.2f} on the machine of the budgets) and {bare.client:.2f} of the load generator",
    ]
    return "\n".join(lines)


def operations_table(rows: Sequence[Measured]) -> str:
    """Return the table of operations. A figure over its budget is bold and says so."""
    limits = {(row.operation.name, row.connections): row.figures for row in rows if row.way == "limit"}
    lines = [
        "| operation | answered | conn. | req/s | p50 ms | p95 ms | p99 ms | server ms | PostgreSQL ms | Redis ms "
        "| SQL | hits | KB | × limit |",
        "| --- | --- | " + "---: | " * 12,
    ]
    for row in rows:
        figures, budget = row.figures, row.budget
        limit = limits.get((row.operation.name, row.connections))
        times = (figures.server + figures.postgres) / (limit.server + limit.postgres) if limit else None
        cells = [
            row.operation.title,
            row.way,
            str(row.connections),
            f"{figures.per_second:,.0f}",
            f"{figures.p50:.1f}",
            f"{figures.p95:.1f}",
            f"{figures.p99:.1f}",
            judged(figures.server, budget.server, 2),
            judged(figures.postgres, budget.postgres, 2),
            f"{figures.redis:.2f}",
            judged(row.statements, budget.statements, 0),
            f"{figures.hits:.0%}",
            f"{figures.size / 1000:.1f}",
            f"{times:.1f}" if times and row.way != "limit" else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def flat_table(rows: Sequence[Flat], what: str) -> str:
    """Return the table of one operation per line and a town per column."""
    towns = rows[0].towns
    lines = [
        f"| {what} | {' | '.join(town.words for town in towns)} | dearest / cheapest |",
        "| --- | " + "---: | " * (len(towns) + 1),
    ]
    for row in rows:
        cells = [f"{figures.server:.2f} + {figures.postgres:.2f}" for figures in row.figures]
        lines.append(f"| {row.operation.title} | {' | '.join(cells)} | {judged(row.ratio, FLAT, 2)} |")
    return "\n".join(lines)


def judged(figure: float, budget: float | None, digits: int) -> str:
    """Return a figure with its budget and the verdict."""
    text = f"{figure:.{digits}f}"
    if budget is None:
        return text
    return f"{text} (≤ {budget:g} ok)" if round(figure, digits) <= budget else f"**{text}** (≤ {budget:g} OVER)"


def over(rows: Sequence[Measured], flats: Sequence[Flat]) -> list[str]:
    """Return every figure that is over its budget, in words."""
    found = []
    for row in rows:
        figures, budget = row.figures, row.budget
        for what, figure, most in (
            ("ms of the server", figures.server, budget.server),
            ("ms of PostgreSQL", figures.postgres, budget.postgres),
            ("statements", round(row.statements), budget.statements),
        ):
            if most is not None and round(figure, 2) > most:
                name = f"{row.operation.title}, {row.way}, {row.connections} connections"
                found.append(f"{name}: {figure:.2f} {what}, {most:g} allowed")
    found += [f"{flat.operation.title}: not flat, {flat.ratio:.2f}" for flat in flats if round(flat.ratio, 2) > FLAT]
    return found


def write(text: str, page: Path = PAGE, marks: Sequence[str] = (BEGIN, END)) -> None:
    """Put the results between their marks in the page. Raises ValueError where the marks are gone."""
    first, last = marks
    before, begin, rest = page.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page} has lost the lines {first} and {last}: put them back around the results.")
    page.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}")


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=PROJECT, check=False).stdout

    commit = git("log", "-1", "--format=%h").strip()
    changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    return f"commit {commit}{' with changes' if changed else ''}" if commit else "commit unknown"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
