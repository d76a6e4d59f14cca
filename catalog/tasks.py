"""The catalogue's tasks."""

from catalog.files.tasks import delete_files, sweep_files
from catalog.imports import jobs as imports
from catalog.search.tasks import take_up, write_documents
from commerce.jobs.jobs import handler

__all__ = ["delete_files", "sweep_files", "take_up", "write_documents"]

handler(imports.KIND)(imports.run_import)
