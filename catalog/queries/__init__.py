"""Reads of the catalogue: SQL built once per shape, executed with parameters into rows.

Under row-level security the planner does not know the tenant: it takes every shop for one of average size,
and every join of two of a shop's tables for a small one, so that it would read all rows of a large shop
where it should look up a few. So the statements write the shape of their plan down. What is looked up for
each of several keys is a LATERAL with LIMIT 1, or OFFSET 0 where there may be several rows: the planner
takes neither apart, and is left with the index of that key. Conditions that are to use an index are
leakproof: PostgreSQL evaluates the others only after row-level security.

`products` and its siblings read objects by key; `lists` reads pages of products.
"""
