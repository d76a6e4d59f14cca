"""Row-level tenancy: database backend, schema editor, tenant scope, model base, routing.

This package knows a tenant only as an integer.
"""
