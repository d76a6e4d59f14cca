"""Writers and readers of one shop, each a process: `python -m tests.cache.race ROLE NUMBER FILE TENANT ROW…`.

They share a file: who has had which version of a row acknowledged, or has been shown it.
"""

import json
import mmap
import random
import struct
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import django

if __name__ == "__main__":
    django.setup()

from django.db import connections

from commerce.cache import client as clients
from commerce.cache.responses import Entry, Hit, Miss
from commerce.cache.versions import Publisher, publisher
from commerce.db import replicas
from commerce.db.scope import tenant_scope
from commerce.db.topics import changed, on_changes, remove_handler

WRITERS, READERS, ROWS = 2, 3, 4
ROUNDS = 400
PATIENCE = 40  # seconds until a replica that nobody disturbs has caught up, and the readers know it


class Board:
    """What all processes see: versions by process and row, who has read enough, and a flag for the end."""

    def __init__(self, path: Path) -> None:
        size = 8 * (1 + (WRITERS + READERS) * ROWS)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), size)

    @property
    def is_over(self) -> bool:
        return bool(self.memory[0])

    def end(self) -> None:
        self.memory[0] = 1

    @property
    def is_calm(self) -> bool:
        """Say whether all readers have read enough while others wrote."""
        return all(self.memory[1 : 1 + READERS])

    def finish(self, reader: int) -> None:
        self.memory[1 + reader] = 1

    def note(self, process: int, row: int, version: int) -> None:
        at = 8 * (1 + process * ROWS + row)
        if version > struct.unpack_from("Q", self.memory, at)[0]:
            struct.pack_into("Q", self.memory, at, version)

    def written(self) -> list[int]:
        """Return the versions of all rows that were acknowledged to a writer."""
        return self._most(range(WRITERS))

    def shown(self) -> list[int]:
        """Return the versions that anybody has been shown or was acknowledged."""
        return self._most(range(WRITERS + READERS))

    def _most(self, processes: range) -> list[int]:
        cells = struct.unpack_from(f"{(WRITERS + READERS) * ROWS}Q", self.memory, 8)
        return [max(cells[process * ROWS + row] for process in processes) for row in range(ROWS)]


class Dying(Publisher):
    """Stops, now and then, after COMMIT, as a process that is killed there does."""

    is_dead = False

    def after_commit(self, change, position):
        self.is_dead = random.random() < 0.05
        if not self.is_dead:
            threading.Event().wait(random.choice([0, 0, 0.01]))
            super().after_commit(change, position)


def write(board: Board, number: int, tenant: int, rows: list[str]) -> None:
    dying = Dying(owe=publisher.owe)
    remove_handler(publisher)
    on_changes(dying)
    while not board.is_over:
        if board.is_calm:
            threading.Event().wait(0.02)
            continue
        row = random.randrange(ROWS)
        with tenant_scope(tenant), connections["default"].cursor() as cursor:
            cursor.execute("UPDATE catalog_category SET name = name WHERE id = %s RETURNING version", [rows[row]])
            version = cursor.fetchone()[0]
            changed("row", [row])
        if not dying.is_dead:
            board.note(number, row, version)
        threading.Event().wait(random.choice([0, 0.005, 0.05]))


def read(board: Board, number: int, tenant: int, rows: list[str], *, strictly: bool) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    while replicas.cluster() is None or min(board.written()) == 0:
        threading.Event().wait(0.02)

    def ask(place: str) -> str:
        asked = random.choice([[0], [1], [2], [3], [0, 1, 2, 3]])
        written, shown = board.written(), board.shown()
        versions, how = answer(tenant, rows, asked, place)
        counts[how] += 1
        oldest = shown if how == "hit" and strictly else written
        wrong.extend((how, row, version, oldest[row]) for row, version in versions.items() if version < oldest[row])
        for row, version in versions.items():
            board.note(WRITERS + number, row, version)
        return how

    for _ in range(ROUNDS):
        ask("race")
    board.finish(number)
    # As long as the others write, a replica that is far behind may serve nobody.
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (ask(uuid4().hex) == "stored from replica" and board.is_calm):
        threading.Event().wait(0.02)
    sys.stdout.write(json.dumps({"counts": counts, "wrong": wrong}) + "\n")


def answer(tenant: int, rows: list[str], asked: list[int], place: str) -> tuple[dict[int, int], str]:
    """Answer as a door does, and say how."""
    entry = Entry.of(tenant=tenant, digest=f"{place}-{asked}")
    assert entry is not None
    found = entry.lookup()
    if isinstance(found, Miss) and found.follows:
        found = entry.wait(found)
    if isinstance(found, Hit):
        return {int(row): version for row, version in json.loads(found.body).items()}, "hit"
    alias = replicas.choose(found.since) if found.since else "default"
    versions = rows_as_they_are(tenant, rows, asked, alias)
    threading.Event().wait(random.choice([0, 0, 0.002, 0.02]))
    how = type(found).__name__.lower()
    if isinstance(found, Miss):
        topics = ["row"] if len(asked) > 1 else [f"row:{asked[0]}", "row:*"]
        is_stored = entry.store(found, body=json.dumps(versions).encode(), topics=topics)
        how = "stored" if is_stored else "refused"
    return versions, f"{how} from {alias}"


def rows_as_they_are(tenant: int, rows: list[str], asked: list[int], alias: str) -> dict[int, int]:
    with tenant_scope(tenant, read_only=True, using=alias), connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT id, version FROM catalog_category WHERE id = ANY(%s::uuid[])", [[rows[row] for row in asked]]
        )
        return {rows.index(str(row)): version for row, version in cursor.fetchall()}


if __name__ == "__main__":
    # The machine may be busy; what happens when Redis is slow is tried elsewhere.
    clients.TIMEOUT = clients.PATIENT_TIMEOUT = 20.0
    role, number, file, tenant_id, *ids = sys.argv[1:]
    random.seed(f"{role} {number}")
    board = Board(Path(file))
    if role == "write":
        write(board, int(number), int(tenant_id), ids)
    else:
        read(board, int(number), int(tenant_id), ids, strictly=role == "read-strictly")
