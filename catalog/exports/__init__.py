"""Export of catalogues: all of one as JSON Lines, or its products as other shops' CSV (docs/import)."""

from catalog.exports.writing import TABLES, Summary, export_catalogue, export_products

__all__ = ["TABLES", "Summary", "export_catalogue", "export_products"]
