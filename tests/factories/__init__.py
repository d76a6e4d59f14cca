"""Plain functions that make rows for tests; those of tenants' rows run inside a scope."""
