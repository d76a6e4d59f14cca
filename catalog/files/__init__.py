"""Stored files in the background (`catalog.operations.files` has what is done)."""
