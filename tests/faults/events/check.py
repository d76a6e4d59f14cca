"""What was committed, compared with what arrived. No I/O: lists in, findings out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.events import NEVER, NEVER_PIECES, PIECES

_VERSION = re.compile(r"-v(\d+)$")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A request that arrived, in the order of arrival; `says` is the version that the facts tell of, if they do."""

    at: float
    id: str
    type: str
    object: str
    version: int
    is_accepted: bool
    says: int | None
    is_never: bool

    @property
    def expected(self) -> int:
        """The version that the facts must tell of: a deletion tells of what there was before it."""
        return self.version - 1 if self.type.endswith("_DELETED") else self.version

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> "Receipt":
        facts = line["facts"]
        return cls(
            line["at"],
            line["id"],
            line["type"],
            line["object"],
            line["version"],
            line["is_accepted"],
            said_version(line["kind"], facts),
            str(facts.get("slug", "")).startswith(NEVER) or facts.get("on_hand") == NEVER_PIECES,
        )


def said_version(kind: str, values: Mapping[str, Any]) -> int | None:
    """Return the version that an object's own values tell of; None where they tell of none."""
    if kind == "Stock":
        if values.get("reserved"):
            return int(values["reserved"]) + 1
        on_hand = int(values.get("on_hand") or 0)
        return on_hand - PIECES if PIECES < on_hand < 1_000_000 else None
    found = _VERSION.search(str(values.get("slug", "")))
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Committed:
    """What the database has at the end.

    `rows`: object → its version, and the version that its own values tell of. `deleted`: object → the version of its
    deletion, by the ledgers. `events`: the outbox's, id → (object, version). `told`: (object, version) of which a
    writer was told that they are committed.
    """

    rows: Mapping[str, tuple[int, int | None]]
    deleted: Mapping[str, int]
    events: Mapping[str, tuple[str, int]]
    told: Iterable[tuple[str, int]]

    def versions(self) -> dict[str, int]:
        """Return the last version of each object."""
        return {**{identity: version for identity, (version, _) in self.rows.items()}, **self.deleted}


@dataclass(slots=True)
class Findings:
    """What is wrong, by kind; and how often the same event was sent again."""

    lost: list[str] = field(default_factory=list)
    two_ids: list[str] = field(default_factory=list)
    never_committed: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    again: int = 0
    committed: int = 0
    received: int = 0

    @property
    def faults(self) -> dict[str, list[str]]:
        """Return what must be empty."""
        return {
            "lost": self.lost,
            "with two ids": self.two_ids,
            "never committed": self.never_committed,
            "out of order": self.out_of_order,
            "wrong content or version": self.wrong,
        }

    @property
    def is_clean(self) -> bool:
        return not any(self.faults.values())


def compare(receipts: Iterable[Receipt], committed: Committed) -> Findings:
    """Compare all that arrived with all that was committed."""
    found = Findings()
    last = committed.versions()
    accepted: dict[tuple[str, int], set[str]] = defaultdict(set)
    sent: dict[tuple[str, int], set[str]] = defaultdict(set)
    done: dict[str, int] = defaultdict(int)
    for receipt in receipts:
        key = (receipt.object, receipt.version)
        name = f"{receipt.type} {receipt.object} v{receipt.version} ({receipt.id})"
        if receipt.is_never or receipt.version > last.get(receipt.object, 0) or receipt.id not in committed.events:
            found.never_committed.append(name)
        elif committed.events[receipt.id] != key or receipt.says not in (None, receipt.expected):
            found.wrong.append(f"{name} tells of version {receipt.says}")
        sent[key].add(receipt.id)
        # Until a version is accepted, none behind it may even be sent; what was accepted may come again at any time.
        if receipt.id in accepted[key]:
            found.again += receipt.is_accepted
            continue
        if receipt.version != done[receipt.object] + 1:
            found.out_of_order.append(f"{name} came after v{done[receipt.object]}")
        if receipt.is_accepted:
            accepted[key].add(receipt.id)
            done[receipt.object] = max(done[receipt.object], receipt.version)
    _find_lost(found, accepted, committed, last)
    found.two_ids = [f"{key}: {sorted(ids)}" for key, ids in sent.items() if len(ids) > 1]
    found.received = sum(len(ids) for ids in accepted.values())
    return found


def _find_lost(
    found: Findings, accepted: Mapping[tuple[str, int], set[str]], committed: Committed, last: Mapping[str, int]
) -> None:
    for identity, version in last.items():
        found.committed += version
        found.lost += [
            f"{identity} v{number}" for number in range(1, version + 1) if not accepted.get((identity, number))
        ]
    arrived = {id_ for ids in accepted.values() for id_ in ids}
    found.lost += [f"event {id_} {key}" for id_, key in committed.events.items() if id_ not in arrived]
    for identity, (version, says) in committed.rows.items():
        if says not in (None, version):
            found.wrong.append(f"the row {identity} has version {version} and tells of {says}")
    for identity, version in committed.told:
        if version > last.get(identity, 0):
            found.wrong.append(f"{identity} v{version} was said to be committed, and is not")
