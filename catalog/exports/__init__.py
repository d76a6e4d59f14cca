"""Export of catalogues: `export_catalogue` writes all of one as JSON Lines (docs/import/catalogue.md)."""

from catalog.exports.writing import Summary, export_catalogue

__all__ = ["Summary", "export_catalogue"]
