"""Reads of the catalogue: SQL built once per shape, executed with parameters into rows.

Every condition that is to use an index is leakproof: PostgreSQL evaluates the others only after row-level
security. `products` and its siblings read objects by key; `lists` reads pages of products.
"""
