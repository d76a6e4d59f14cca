"""Import of a whole catalogue from its lines: lossless, by names (docs/import/catalogue.md)."""

from catalog.imports.catalogue.running import import_catalogue

__all__ = ["import_catalogue"]
