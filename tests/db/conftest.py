from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections


@contextmanager
def extra_connection(alias: str, **changes: Any):
    """Add a database alias like `default` with other settings, and take it away again."""
    settings = connections.settings["default"]
    connections.settings[alias] = {
        **settings,
        **changes,
        "OPTIONS": {**settings["OPTIONS"], **changes.get("OPTIONS", {})},
    }
    try:
        yield alias
    finally:
        wrapper: Any = connections[alias]
        wrapper.close()
        wrapper.close_pool()
        del connections[alias], connections.settings[alias]


@pytest.fixture
def single():
    """Return the alias of a pool of one connection: whoever comes next gets what the last one left."""
    with extra_connection("single", OPTIONS={"pool": {"min_size": 1, "max_size": 1, "timeout": 5}}) as alias:
        yield alias
