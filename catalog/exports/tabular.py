"""Products as rows of a table that other shops read: what such formats share."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar

from commerce.money import from_minor

Line = dict[str, Any]


class Table(ABC):
    """Turns the lines of a catalogue into rows; `lost` counts what the format cannot hold."""

    columns: ClassVar[Sequence[str]]

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.lost: Counter[str] = Counter()
        self.attributes: dict[str, str] = {}
        # By slug: the name, and the attributes of variants in their order.
        self.types: dict[str, tuple[str, list[str]]] = {}
        self.paths: dict[str, str] = {}
        self._values: dict[tuple[str, str], str] = {}

    @abstractmethod
    def product(self, line: Line) -> Iterator[Line]:
        """Yield the rows of a product's line, by column."""

    def rows(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the rows of all products."""
        for line in lines:
            match line["object"]:
                case "attribute":
                    self.attributes[line["slug"]] = line["name"]
                case "attribute-value" if not line["plain_text"] and not line["rich_text"]:
                    self._values[line["attribute"], line["slug"]] = line["name"]
                case "product-type":
                    held = sorted(line["attributes"], key=lambda one: one["position"])
                    options = [one["attribute"] for one in held if one["on_variants"]]
                    self.types[line["slug"]] = (line["name"], options)
                case "category":
                    above = self.paths.get(line["parent"], "")
                    self.paths[line["slug"]] = f"{above} > {line['name']}" if above else line["name"]
                case "product":
                    yield from self.product(line)
                case "page" | "menu" | "collection" | "reference" as kind:
                    self.lost[f"{kind}s"] += 1

    def words(self, values: list[list[Any]]) -> dict[str, list[str]]:
        """Return the names of values by attribute, long texts and references apart."""
        found: dict[str, list[str]] = {}
        for attribute, slug, _ in values:
            if (attribute, slug) in self._values:
                found.setdefault(attribute, []).append(self._values[attribute, slug])
        return found

    def price(self, variant: Line) -> Line | None:
        """Return a variant's price in the channel."""
        return next((one for one in variant["prices"] if one["channel"] == self.channel), None)

    def is_shown(self, line: Line) -> bool:
        """Say whether a product is published in the channel."""
        return any(one["is_published"] for one in line["publications"] if one["channel"] == self.channel)

    def count_lost(self, line: Line, *, held: AbstractSet[str]) -> None:
        """Count what is not told of a product; `held` are the attributes that are."""
        self.lost["values of attributes"] += sum(value[0] not in held for value in line["values"])
        self.lost["places in collections"] += len(line["collections"])
        self.lost["translations"] += len(line["translations"])
        self.lost["stored pictures"] += sum(not one["url"] for one in line["media"])
        for variant in line["variants"]:
            self.lost["prices of other channels"] += sum(one["channel"] != self.channel for one in variant["prices"])
            self.lost["translations"] += len(variant["translations"])


def amount(price: Line, name: str) -> str:
    """Return a column of a price in major units, "" where there is none."""
    return "" if price[name] is None else str(from_minor(price[name], price["currency"]))
