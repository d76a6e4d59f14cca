"""Products as Shopify's product CSV has them: a row for each variant or further picture, its product's on the first."""

from collections.abc import Iterator
from typing import Any

from catalog.exports.html import to_html
from catalog.exports.tabular import Line, Table, amount

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
    "Google Shopping / Ad group name",
    "Google Shopping / Ads labels",
    "Option1 Linked To",
    "Option2 Linked To",
    "Option3 Linked To",
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


class Shopify(Table):
    """Turns the lines of a catalogue into rows, by column; columns that a row has not are empty."""

    columns = COLUMNS

    def product(self, line: Line) -> Iterator[dict[str, Any]]:
        self.count_lost(line, held={"vendor", "tags"})
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
        words = self.words(line["values"])
        return {
            "Title": line["name"],
            "Body (HTML)": to_html(line["description"]),
            "Vendor": words.get("vendor", [""])[0],
            "Product Category": self.paths.get(line["category"], ""),
            "Type": self.types[line["product_type"]][0],
            "Tags": ", ".join(words.get("tags", [])),
            "Published": str(self.is_shown(line)).lower(),
            "SEO Title": line["seo_title"],
            "SEO Description": line["seo_description"],
            "Status": "active",
            **{name: line["metadata"].get(f"shopify.{name}", "") for name in PRODUCT_EXTRAS},
        }

    def _variant(self, variant: Line, product_type: str) -> dict[str, Any]:
        row = {name: variant["metadata"].get(f"shopify.{name}", "") for name in VARIANT_EXTRAS}
        price = self.price(variant)
        words = self.words(variant["values"])
        options = [(slug, words[slug][0]) for slug in self.types[product_type][1] if slug in words]
        for number, (slug, word) in enumerate(options[:3], 1):
            row[f"Option{number} Name"], row[f"Option{number} Value"] = self.attributes[slug], word
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
            row["Variant Price"] = amount(price, "price")
            row["Variant Compare At Price"] = amount(price, "prior_price")
            row["Cost per item"] = amount(price, "cost")
        return row
