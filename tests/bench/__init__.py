"""`make bench`: what a read costs, beside its budget. docs/performance.md tells how to read the tables.

It has a stack of its own in `.stack-bench`, made like that of `make up`, with a database for each set of
shops. The shops are made from a seed, loaded once and kept, and known here beforehand, so that every answer
is checked while it is measured.
"""
