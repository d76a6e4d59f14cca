"""What the batch calls of one execution returned: the memory of the adapter for graphql-core.

graphql-core resolves depth first, one parent at a time; a batch resolver takes a whole level. A *step* is
a place of the query as a plan sees it: the response path without list indices, each key with the type of
its parent, innermost first: `("name", "Product", "products", "Query")`. The level of a step is every
distinct row found there. Two aliases are two steps, and so are the same fields of two types behind an
interface; the same row at two places of the query is in two levels. So there is one call per step, as in
an engine that runs breadth first.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from graphql.pyutils import Path

Step = tuple[str | int, ...]
Outcome = dict[int, Any] | Exception


class Calls:
    """Levels and the values of their fields, by step.

    Rows are told apart by identity (`id`), which holds because the levels keep them alive.
    """

    __slots__ = ("_levels", "outcomes")

    def __init__(self) -> None:
        self.outcomes: dict[Step, Outcome] = {}
        self._levels: dict[Step, dict[int, Any]] = {}

    def level(self, step: Step, parent: object) -> Sequence[Any]:
        """Return the rows that share the field at `step`; at the root that is the parent alone."""
        rows = self._levels.get(step[1:])
        return [parent] if rows is None else list(rows.values())

    def add_level(self, step: Step, typed_rows: Iterable[tuple[str, Any]]) -> None:
        """Keep the rows that the field at `step` returned, each with the name of its type."""
        for type_name, row in typed_rows:
            self._levels.setdefault((type_name, *step), {})[id(row)] = row


def step_of(path: Path) -> Step:
    """Return the step of a response path."""
    step: list[str | int] = []
    place: Path | None = path
    while place is not None:
        if place.typename is not None:  # a list index has none
            step += (place.key, place.typename)
        place = place.prev
    return tuple(step)
