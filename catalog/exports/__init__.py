"""Export of catalogues: all of one as JSON Lines, or its products as Shopify's CSV (docs/import)."""

from catalog.exports.writing import Summary, export_catalogue, export_shopify

__all__ = ["Summary", "export_catalogue", "export_shopify"]
