"""Where the time of an operation goes: Python by cProfile, statements by EXPLAIN as the application runs them."""

import http.client
import io
import json
import pstats
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from commerce.stack.layout import Stack
from tests.bench import ground, measure, statements
from tests.bench.ground import DIRECTORY, Web
from tests.bench.measure import GRAPHQL
from tests.bench.operations import Operation, Shop
from tests.bench.profiled import DUMP
from tests.bench.statements import Statement

ROUNDS = 10
# Of a prepared statement PostgreSQL may fix the plan after five executions.
SETTLED = 6
TOP, SHOWN = 40, 15


def profile(stack: Stack, database: str, shop: Shop, operation: Operation, environment: Mapping[str, str]) -> str:
    """Profile an operation, write everything to `.stack-bench/profile-<name>.txt` and return a summary."""
    python, brief_python = _python(stack, database, shop, operation, environment)
    plans, brief_plans = _plans(stack, database, shop, operation, environment)
    target = DIRECTORY / f"profile-{operation.name}.txt"
    target.write_text(f"{python}\n{plans}")
    return f"Profile of: {operation.title}\n\n{brief_python}\n{brief_plans}\n\nAll of it: {target}"


# --- Python -----------------------------------------------------------------------------------------------


def _python(
    stack: Stack, database: str, shop: Shop, operation: Operation, environment: Mapping[str, str]
) -> tuple[str, str]:
    file = DIRECTORY / "profile.pstats"
    more = {**environment, "WEB_CONCURRENCY": "1", "WEB_THREADS": "1", "BENCH_PROFILE": str(file)}
    requests = 0
    with ground.web(stack, database, application="tests.bench.profiled:application", more=more) as web:
        measure.prepare(web, shop, operation, GRAPHQL)
        _dump(web, shop)
        for _ in range(ROUNDS):
            requests += len(measure.prepare(web, shop, operation, GRAPHQL).requests)
        _dump(web, shop)
    head = f"cProfile of {requests} requests in one worker: seconds of CPU, not of waiting.\n"
    texts = [_top(file, order, rows) for order, rows in (("tottime", TOP), ("cumulative", 2 * TOP), ("tottime", SHOWN))]
    return head + texts[0] + texts[1], head + texts[2]


def _dump(web: Web, shop: Shop) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.request("POST", DUMP, headers={"Host": shop.host})
    assert connection.getresponse().status == 204
    connection.close()


def _top(file: Path, order: str, rows: int) -> str:
    out = io.StringIO()
    pstats.Stats(str(file), stream=out).sort_stats(order).print_stats(rows)
    lines = out.getvalue().replace(f"{ground.PROJECT}/", "").splitlines()
    return "\n".join(line for line in lines if line.strip() and "pstats" not in line) + "\n"


# --- Statements ---------------------------------------------------------------------------------------------


def _plans(
    stack: Stack, database: str, shop: Shop, operation: Operation, environment: Mapping[str, str]
) -> tuple[str, str]:
    """Explain the statements of one request, run in their own order and transaction by the application's role."""
    with (
        statements.logged(stack, database) as read,
        ground.web(stack, database, more={**environment, "WEB_CONCURRENCY": "1"}) as web,
    ):
        for _ in range(3):
            measure.prepare(web, shop, operation, GRAPHQL)
        read()
        measure.prepare(web, shop, operation, GRAPHQL)
        found = read()
    full, brief = [], ["statements of one request: planning + execution ms, buffers, rows"]
    for server in statements.SERVERS:
        mine = _last_request([one for one in found if one.server == server])
        url = ground.on_database(stack.database_url("commerce_app", server), database)
        brief += [f" on the {server}:"] if mine else []
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            for number, statement in enumerate(mine):
                if not statement.is_counted:
                    connection.execute(statement.sql)
                    continue
                plan = _explain(connection, number, statement)
                full.append(f"--- on the {server}\n{statement.sql}\n{statement.parameters}\n{_text(plan)}\n")
                prepared = "prepared" if statement.is_prepared else "planned each time"
                brief.append(f"  {_brief(plan)}, {prepared}: {' '.join(statement.sql.split())[:80]}")
    return "\n".join(full), "\n".join(brief)


def _last_request(found: list[Statement]) -> list[Statement]:
    """Return the statements of the last transaction, and those before it that are in none."""
    begins = [at for at, one in enumerate(found) if one.sql.upper().startswith("BEGIN")]
    ends = [at for at, one in enumerate(found) if one.sql.upper().startswith(("COMMIT", "ROLLBACK"))]
    if not begins:
        return found[-1:]
    start = max((at for at in ends if at < begins[-1]), default=-1) + 1
    return found[start:]


def _explain(connection: psycopg.Connection[Any], number: int, statement: Statement) -> dict[str, Any]:
    if statement.is_prepared:
        values = f"({', '.join(statement.parameters)})" if statement.parameters else ""
        connection.execute(f"PREPARE bench_{number} AS {statement.sql}")
        for _ in range(SETTLED):
            connection.execute(f"EXECUTE bench_{number}{values}")
        text = f"EXECUTE bench_{number}{values}"
    else:
        text = re.sub(r"\$(\d+)", lambda found: statement.parameters[int(found[1]) - 1], statement.sql)
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}").fetchone()
    assert row is not None
    explained: dict[str, Any] = row[0][0]
    return explained


def _brief(plan: dict[str, Any]) -> str:
    top = plan["Plan"]
    buffers = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    times = f"{plan['Planning Time']:.2f} + {plan['Execution Time']:.2f} ms"
    return f"{times:>16}, {buffers:5} buffers, {top['Actual Rows']:4} rows"


def _text(plan: dict[str, Any]) -> str:
    """Return a plan, one line per node, indented by depth."""
    lines = [f"planning {plan['Planning Time']:.3f} ms, execution {plan['Execution Time']:.3f} ms"]

    def add(node: dict[str, Any], depth: int) -> None:
        name = " ".join(
            str(node[key])
            for key in ("Subplan Name", "Node Type", "Index Name", "Relation Name", "Alias")
            if key in node
        )
        loops, rows = node["Actual Loops"], node["Actual Rows"]
        times = f"{node['Actual Total Time'] * loops:.3f} ms, {rows} rows × {loops}"
        buffers = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
        conditions = {key: node[key] for key in ("Index Cond", "Filter", "Rows Removed by Filter") if key in node}
        lines.append(f"{'  ' * depth}{name}: {times}, {buffers} buffers {json.dumps(conditions) if conditions else ''}")
        for child in node.get("Plans", ()):
            add(child, depth + 1)

    add(plan["Plan"], 0)
    return "\n".join(lines)
