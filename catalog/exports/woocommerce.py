"""Products as WooCommerce's product CSV has them: one row, or one and one more for each variation."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from catalog.exports.html import to_html
from catalog.exports.tabular import Line, Table, amount

# What our catalogue has no column for: kept in the metadata under "woocommerce." and the column's name.
PRODUCT_EXTRAS = (
    "Is featured?",
    "Visibility in catalog",
    "Short description",
    "Date sale price starts",
    "Date sale price ends",
    "Tax status",
    "Tax class",
    "Low stock amount",
    "Backorders allowed?",
    "Sold individually?",
    "Length (cm)",
    "Width (cm)",
    "Height (cm)",
    "Allow customer reviews?",
    "Purchase note",
    "Shipping class",
    "Download limit",
    "Download expiry days",
    "Upsells",
    "Cross-sells",
    "Position",
)
VARIANT_EXTRAS = (
    "Tax class",
    "Backorders allowed?",
    "Length (cm)",
    "Width (cm)",
    "Height (cm)",
    "Shipping class",
    "Images",
    "Position",
)
# Attributes that a row has columns for.
MOST_ATTRIBUTES = 30
_PARTS = ("name", "value(s)", "visible", "global")
COLUMNS = [
    "ID",
    "Type",
    "SKU",
    "GTIN, UPC, EAN, or ISBN",
    "Name",
    "Published",
    *PRODUCT_EXTRAS[:3],
    "Description",
    *PRODUCT_EXTRAS[3:7],
    "In stock?",
    "Stock",
    *PRODUCT_EXTRAS[7:10],
    "Weight (kg)",
    *PRODUCT_EXTRAS[10:15],
    "Sale price",
    "Regular price",
    "Categories",
    "Tags",
    *PRODUCT_EXTRAS[15:16],
    "Images",
    *PRODUCT_EXTRAS[16:18],
    "Parent",
    *PRODUCT_EXTRAS[18:20],
    "Position",
    "Brands",
    "Cost of goods",
    *(f"Attribute {n} {part}" for n in range(1, MOST_ATTRIBUTES + 1) for part in _PARTS),
]
_OWN = frozenset({"tags", "brands"})


class WooCommerce(Table):
    """Turns the lines of a catalogue into rows, by column; columns that a row has not are empty."""

    columns = COLUMNS

    def product(self, line: Line) -> Iterator[Line]:
        """Yield the rows of a product's line."""
        options = self.types[line["product_type"]][1]
        used = [slug for slug in options if any(slug in self.words(one["values"]) for one in line["variants"])]
        words = self.words(line["values"])
        plain = {slug: names for slug, names in words.items() if slug not in _OWN and slug not in used}
        self.count_lost(line, held={*_OWN, *list(plain)[: MOST_ATTRIBUTES - len(used)]})
        row = self._own(line, words)
        is_simple = len(line["variants"]) == 1 and not used
        axes = {slug: _distinct(line["variants"], slug, self) for slug in used}
        self._attributes(row, {**axes, **plain})
        if is_simple:
            variant = line["variants"][0]
            yield {**row, **self._variant(variant), "Type": "simple", "SKU": variant["sku"] or row["SKU"]}
            return
        yield {**row, "Type": "variable"}
        for variant in line["variants"]:
            own = {name: variant["metadata"].get(f"woocommerce.{name}", "") for name in VARIANT_EXTRAS}
            child = {**own, **self._variant(variant), "Type": "variation", "Parent": row["SKU"], "Published": "1"}
            child.update({"SKU": variant["sku"], "Name": line["name"]})
            held = self.words(variant["values"])
            self._attributes(child, {slug: held.get(slug, []) for slug in used})
            yield child

    def _own(self, line: Line, words: dict[str, list[str]]) -> Line:
        others = line["metadata"].get("woocommerce.Other categories", "")
        path = self.paths.get(line["category"], "")
        return {
            "SKU": line["external_reference"] or line["slug"],
            "Name": line["name"],
            "Published": "1" if self.is_shown(line) else "0",
            "Description": to_html(line["description"]),
            "Categories": ", ".join(filter(None, (path.replace(",", "\\,"), others))),
            "Tags": joined(words.get("tags", [])),
            "Brands": joined(words.get("brands", [])),
            "Images": ", ".join(one["url"] for one in line["media"] if one["url"]),
            **{name: line["metadata"].get(f"woocommerce.{name}", "") for name in PRODUCT_EXTRAS},
        }

    def _variant(self, variant: Line) -> Line:
        price = self.price(variant)
        pieces = sum(one["on_hand"] for one in variant["stock"])
        row: dict[str, Any] = {
            "GTIN, UPC, EAN, or ISBN": variant["gtin"] or variant["metadata"].get("woocommerce.code", ""),
            "In stock?": "1" if pieces or not variant["track_inventory"] else "0",
            "Stock": pieces if variant["track_inventory"] else "",
            "Weight (kg)": "" if (grams := variant["weight_grams"]) is None else str(Decimal(grams) / 1000),
        }
        if price is not None:
            is_reduced = price["prior_price"] is not None
            row["Regular price"] = amount(price, "prior_price" if is_reduced else "price")
            row["Sale price"] = amount(price, "price") if is_reduced else ""
            row["Cost of goods"] = amount(price, "cost")
        return row

    def _attributes(self, row: Line, words: dict[str, list[str]]) -> None:
        for number, (slug, names) in enumerate(list(words.items())[:MOST_ATTRIBUTES], 1):
            values = (self.attributes[slug], joined(names), "1", "1")
            row.update({f"Attribute {number} {part}": value for part, value in zip(_PARTS, values, strict=True)})


def joined(words: list[str]) -> str:
    """Return several values in one cell, as WooCommerce tells them apart."""
    return ", ".join(word.replace(",", "\\,") for word in words)


def _distinct(variants: list[Line], slug: str, table: Table) -> list[str]:
    return list(dict.fromkeys(word for one in variants for word in table.words(one["values"]).get(slug, [])))
