"""Nothing is lost: a shop's changes under load, processes and servers killed, and what a real receiver got.

`prepare` opens the shops, `writer`, `staff` and `office` change them, `receiver` writes down what arrives, `cluster`
kills and starts, `rounds` has them all run, and `check` compares what was committed with what arrived.

**Every object says its own version**: a change writes the version that it makes into the row (in its slug, or its
pieces), in the same transaction. What is in the rows at the end is thus a record of what was committed that does not
rest on the outbox. What is deleted is written into a ledger, a row of the same transaction.
"""

# What a change that is rolled back on purpose says instead of its version.
NEVER = "never"
NEVER_PIECES = 9_000_000
# Pieces on hand are these and the row's version.
PIECES = 1_000
EVENTS = (
    "PRODUCT_CREATED",
    "PRODUCT_UPDATED",
    "PRODUCT_DELETED",
    "CATEGORY_CREATED",
    "CATEGORY_UPDATED",
    "CATEGORY_DELETED",
    "COLLECTION_CREATED",
    "COLLECTION_UPDATED",
    "COLLECTION_DELETED",
    "PRODUCT_VARIANT_STOCK_UPDATED",
)
# The outbox's kinds of objects of these events.
KINDS = ("Product", "Category", "Collection", "Stock")
