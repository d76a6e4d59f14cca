"""The catalogue's tasks."""

from catalog.search.tasks import take_up, write_documents

__all__ = ["take_up", "write_documents"]
