"""Import of products: files as rows (readers), rows as drafts by a mapping, drafts into the catalogue by batches.

`load_mapping` and `import_products` are what doors call; docs/import/README.md tells merchants how to write a mapping.
"""

from catalog.imports.catalogue import import_catalogue
from catalog.imports.corrections import Corrections
from catalog.imports.errors import FileError, ImportConflict, MappingError, Problem
from catalog.imports.mapping import Mapping
from catalog.imports.readers import Layout
from catalog.imports.reading import load_mapping, ready_mapping
from catalog.imports.running import Observer, Options, Summary, import_products
from catalog.imports.runs import Progress

__all__ = [
    "Corrections",
    "FileError",
    "ImportConflict",
    "Layout",
    "Mapping",
    "MappingError",
    "Observer",
    "Options",
    "Problem",
    "Progress",
    "Summary",
    "import_catalogue",
    "import_products",
    "load_mapping",
    "ready_mapping",
]
