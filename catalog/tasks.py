"""The catalogue's tasks."""

from catalog.files.tasks import delete_files, sweep_files
from catalog.search.tasks import take_up, write_documents

__all__ = ["delete_files", "sweep_files", "take_up", "write_documents"]
