"""Rounds of kills under load, and what came of them."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from commerce.stack import postgres
from commerce.stack.layout import DATABASE
from commerce.webhooks.events import EVENTS as TYPES
from tests.faults.events import EVENTS, KINDS
from tests.faults.events.check import Committed, Findings, Receipt, compare, said_version
from tests.faults.events.cluster import TARGETS, Cluster

# Seconds until all that was committed must have arrived, after the last kill.
PATIENCE = 300.0


@dataclass(slots=True)
class Tally:
    """What happened in the rounds of one kind of kill."""

    kills: int = 0
    load: Counter[str] = field(default_factory=Counter)
    received: int = 0
    again: int = 0
    refused: int = 0


@dataclass(slots=True)
class Result:
    """What was found, by kind of kill what happened, and the seconds until the last event had arrived."""

    findings: Findings
    tallies: dict[str, Tally]
    drained: float


def run(cluster: Cluster, *, rounds: int, say: Callable[[str], None] = lambda line: None) -> Result:
    """Kill and start for so many rounds, each kind as often as any other; then wait, and compare."""
    kinds = [kind for _ in range(rounds // len(TARGETS) + 1) for kind in random.sample(list(TARGETS), len(TARGETS))]
    struck: list[tuple[float, str]] = []
    cluster.start_load()
    time.sleep(2)
    for number, kind in enumerate(kinds[:rounds], 1):
        time.sleep(random.uniform(0.3, 2.5))
        struck.append((time.time(), kind))
        bring_back = cluster.strike(kind)
        time.sleep(random.uniform(0.1, 2.5))
        bring_back()
        say(f"round {number}: {kind}, back after {time.time() - struck[-1][0]:.1f} s")
    time.sleep(2)
    cluster.stop_load()
    drained = _drain(cluster)
    receipts = [Receipt.of(json.loads(line)) for line in _lines(cluster.receipts)]
    told = [line for number in range(len(cluster.shops)) for path in cluster.told(number) for line in _read(path)]
    findings = compare(receipts, _committed(cluster, told))
    return Result(findings, _tallies(struck, receipts, told), drained)


def _drain(cluster: Cluster) -> float:
    """Wait until nothing is pending; return the seconds that it took."""
    began = time.monotonic()
    with _database(cluster) as connection:
        while True:
            left = connection.execute(
                "SELECT (SELECT count(*) FROM outbox_event WHERE status = 'pending'),"
                " (SELECT count(*) FROM webhooks_delivery WHERE status = 'pending')"
            ).fetchone()
            if left == (0, 0):
                return time.monotonic() - began
            assert time.monotonic() - began < PATIENCE, f"still pending after {PATIENCE:.0f} s: {left}"
            time.sleep(0.2)


def _committed(cluster: Cluster, told: Sequence[dict[str, Any]]) -> Committed:
    """Read the truth as a superuser, whom no policy binds."""
    tenants = [shop["tenant"] for shop in cluster.shops]
    rows: dict[str, tuple[int, int | None]] = {}
    deleted: dict[str, int] = {}
    with _database(cluster) as connection:
        for kind in KINDS:
            columns = "on_hand, reserved" if kind == "Stock" else "slug"
            for identity, version, *values in connection.execute(
                f"SELECT id::text, version, {columns} FROM catalog_{kind.lower()} WHERE tenant_id = ANY(%s)", [tenants]
            ):
                named = dict(zip(columns.split(", "), values, strict=True))
                rows[identity] = (version, said_version(kind, named))
        for shop in cluster.shops:
            (ledger,) = connection.execute(
                "SELECT metadata FROM catalog_category WHERE id = %s", [shop["ledger"]]
            ).fetchone() or ({},)
            deleted |= ledger
        events = {
            identity: (object_id, version)
            for identity, object_id, version in connection.execute(
                "SELECT id::text, object_id::text, object_version FROM outbox_event"
                " WHERE tenant_id = ANY(%s) AND type = ANY(%s)",
                [tenants, [type_ for name in EVENTS for type_ in TYPES[name].types]],
            )
        }
    made = [(identity, version) for line in told for identity, version in line.get("made", {}).items()]
    return Committed(rows, deleted, events, made)


def _tallies(
    struck: Sequence[tuple[float, str]], receipts: Sequence[Receipt], told: Sequence[dict[str, Any]]
) -> dict[str, Tally]:
    """Return what happened from each kill to the next one, by kind."""
    tallies = {kind: Tally() for kind in TARGETS}
    for _, kind in struck:
        tallies[kind].kills += 1

    def during(at: float) -> Tally | None:
        kinds = [kind for since, kind in struck if since <= at]
        return tallies[kinds[-1]] if kinds else None

    for line in told:
        if (tally := during(line["at"])) is not None:
            tally.load[line["outcome"]] += 1
            tally.load["asked again"] += line.get("tries", 1) > 1
            tally.load[f"by {line['by']}"] += line["outcome"] == "committed"
    seen: set[str] = set()
    for receipt in receipts:
        if (tally := during(receipt.at)) is not None:
            tally.received += receipt.is_accepted
            tally.refused += not receipt.is_accepted
            tally.again += receipt.is_accepted and receipt.id in seen
        if receipt.is_accepted:
            seen.add(receipt.id)
    return tallies


def _database(cluster: Cluster) -> psycopg.Connection[tuple[Any, ...]]:
    return postgres.connect(cluster.servers.stack, "postgres", dbname=DATABASE)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log whose writer may have been killed in the midst of one."""
    found = []
    for line in _lines(path):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def table(result: Result) -> str:
    """Return what happened as a table in Markdown, and what was found."""
    rows = {kind: _numbers(tally) for kind, tally in result.tallies.items()}
    total: Counter[str] = sum(rows.values(), start=Counter())
    names = list(next(iter(rows.values())))
    lines = [f"| killed | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    lines += [
        f"| {kind} | {' | '.join(f'{numbers[name]:,}' for name in names)} |"
        for kind, numbers in [*rows.items(), ("all", total)]
    ]
    found = result.findings
    repeated = sum(tally.load["asked again"] for tally in result.tallies.values())
    faults = ", ".join(f"{len(names)} {kind}" for kind, names in found.faults.items())
    lines += [
        "",
        f"{found.committed:,} versions committed, {found.received:,} events received, {found.again:,} again; {faults}.",
        f"{repeated} requests over REST had to be sent again under their key.",
        f"The last event arrived {result.drained:.0f} s after the load had ended.",
    ]
    lines += [f"  {kind}: {name}" for kind, names in found.faults.items() for name in names[:10]]
    return "\n".join(lines)


def _numbers(tally: Tally) -> Counter[str]:
    return Counter(
        {
            "rounds": tally.kills,
            "committed": tally.load["committed"],
            "by admin": tally.load["by admin"],
            "by REST": tally.load["by REST"],
            "undone": tally.load["undone"],
            "no answer": tally.load["unknown"],
            "received": tally.received,
            "again": tally.again,
            "refused": tally.refused,
        }
    )
