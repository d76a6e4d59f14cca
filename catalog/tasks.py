"""The catalogue's tasks."""

from catalog.exports import jobs as exports
from catalog.files.tasks import delete_files, forget_transfers, sweep_files
from catalog.imports import jobs as imports
from catalog.search.tasks import take_up, write_documents
from commerce.jobs.jobs import handler

__all__ = ["delete_files", "forget_transfers", "sweep_files", "take_up", "write_documents"]

handler(imports.KIND)(imports.run_import)
handler(exports.KIND)(exports.run_export)
