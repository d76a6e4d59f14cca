"""Products as Shopify's product CSV has them: a row for each variant or further picture, its product's on the first."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from catalog.exports.html import to_html
from commerce.money import from_minor

Line = dict[str, Any]
# What our catalogue has no column for: kept in the metadata under "shopify." and the column's name.
PRODUCT_EXTRAS = (
    "Gift Card",
    "Google Shopping / Google Product Category",
    "Google Shopping / Gender",
    "Google Shopping / Age Group",
    "Google Shopping / MPN",
    "Google Shopping / Condition",
    "Google Shopping / Custom Product",
    "Google Shopping / Custom Label 0",
    "Google Shopping / Custom Label 1",
    "Google Shopping / Custom Label 2",
    "Google Shopping / Custom Label 3",
    "Google Shopping / Custom Label 4",
)
VARIANT_EXTRAS = (
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Unit Price Total Measure",
    "Unit Price Total Measure Unit",
    "Unit Price Base Measure",
    "Unit Price Base Measure Unit",
    "Variant Image",
    "Variant Weight Unit",
    "Variant Tax Code",
)
_OPTIONS = [f"Option{n} {part}" for n in (1, 2, 3) for part in ("Name", "Value")]
COLUMNS = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    *_OPTIONS,
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    *VARIANT_EXTRAS[:4],
    "Variant Price",
    "Variant Compare At Price",
    *VARIANT_EXTRAS[4:8],
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    *PRODUCT_EXTRAS[:1],
    "SEO Title",
    "SEO Description",
    *PRODUCT_EXTRAS[1:],
    *VARIANT_EXTRAS[8:],
    "Cost per item",
    "Status",
]


class Shopify:
    """Turns the lines of a catalogue into rows; `lost` counts what the format cannot hold."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.lost: Counter[str] = Counter()
        self._values: dict[tuple[str, str], str] = {}
        self._attributes: dict[str, str] = {}
        self._types: dict[str, tuple[str, list[str]]] = {}
        self._paths: dict[str, str] = {}

    def rows(self, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all products, by column; columns that a row has not are empty."""
        for line in lines:
            match line["object"]:
                case "attribute":
                    self._attributes[line["slug"]] = line["name"]
                case "attribute-value" if not line["plain_text"] and not line["rich_text"]:
                    self._values[line["attribute"], line["slug"]] = line["name"]
                case "product-type":
                    held = sorted(line["attributes"], key=lambda one: one["position"])
                    options = [one["attribute"] for one in held if one["on_variants"]]
                    self._types[line["slug"]] = (line["name"], options)
                case "category":
                    above = self._paths.get(line["parent"], "")
                    self._paths[line["slug"]] = f"{above} > {line['name']}" if above else line["name"]
                case "product":
                    yield from self._product(line)
                case "page" | "menu" | "collection" | "reference" as kind:
                    self.lost[f"{kind}s"] += 1

    def _product(self, line: Line) -> Iterator[dict[str, Any]]:
        self._count_lost(line)
        pictures = [(one["url"], one["alt"]) for one in line["media"] if one["url"]]
        variants = line["variants"] or [None]
        for number in range(max(len(variants), len(pictures))):
            row: dict[str, Any] = {"Handle": line["slug"]}
            if number == 0:
                row.update(self._own(line))
            if number < len(variants) and variants[number] is not None:
                row.update(self._variant(variants[number], line["product_type"]))
            if number < len(pictures):
                row["Image Src"], row["Image Alt Text"] = pictures[number]
                row["Image Position"] = number + 1
            yield row

    def _own(self, line: Line) -> dict[str, Any]:
        words = self._words(line["values"])
        shown = [one for one in line["publications"] if one["channel"] == self.channel]
        is_shown = bool(shown and shown[0]["is_published"])
        return {
            "Title": line["name"],
            "Body (HTML)": to_html(line["description"]),
            "Vendor": words.get("vendor", [""])[0],
            "Product Category": self._paths.get(line["category"], ""),
            "Type": self._types[line["product_type"]][0],
            "Tags": ", ".join(words.get("tags", [])),
            "Published": str(is_shown).lower(),
            "SEO Title": line["seo_title"],
            "SEO Description": line["seo_description"],
            "Status": "active",
            **{name: line["metadata"].get(f"shopify.{name}", "") for name in PRODUCT_EXTRAS},
        }

    def _variant(self, variant: Line, product_type: str) -> dict[str, Any]:
        row = {name: variant["metadata"].get(f"shopify.{name}", "") for name in VARIANT_EXTRAS}
        price = next((one for one in variant["prices"] if one["channel"] == self.channel), None)
        words = self._words(variant["values"])
        options = [(slug, words[slug][0]) for slug in self._types[product_type][1] if slug in words]
        for number, (slug, word) in enumerate(options[:3], 1):
            row[f"Option{number} Name"], row[f"Option{number} Value"] = self._attributes[slug], word
        if not options:
            row["Option1 Name"], row["Option1 Value"] = "Title", "Default Title"
        self.lost["options beyond three"] += len(options[3:])
        row.update(
            {
                "Variant SKU": variant["sku"],
                "Variant Grams": variant["weight_grams"],
                "Variant Inventory Tracker": "shopify" if variant["track_inventory"] else "",
                "Variant Inventory Qty": sum(one["on_hand"] for one in variant["stock"]) if variant["stock"] else "",
                "Variant Barcode": variant["gtin"],
            }
        )
        if price is not None:
            for column, name in (
                ("Variant Price", "price"),
                ("Variant Compare At Price", "prior_price"),
                ("Cost per item", "cost"),
            ):
                minor = price[name]
                row[column] = "" if minor is None else str(from_minor(minor, price["currency"]))
        return row

    def _words(self, values: list[list[Any]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for attribute, slug, _ in values:
            if (attribute, slug) in self._values:
                found.setdefault(attribute, []).append(self._values[attribute, slug])
        return found

    def _count_lost(self, line: Line) -> None:
        held = {"vendor", "tags"}
        self.lost["values of attributes"] += sum(value[0] not in held for value in line["values"])
        self.lost["places in collections"] += len(line["collections"])
        self.lost["translations"] += len(line["translations"])
        self.lost["stored pictures"] += sum(not one["url"] for one in line["media"])
        for variant in line["variants"]:
            self.lost["prices of other channels"] += sum(one["channel"] != self.channel for one in variant["prices"])
            self.lost["translations"] += len(variant["translations"])
