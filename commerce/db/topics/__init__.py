"""What an answer depends on, and what a transaction changes, as topics: plain strings.

Every model says once what its rows are about (`Topics`). The text of each statement tells the tables that it
reads or writes, so that nobody has to name a topic, and none is forgotten; who knows more says so:

    fetch(sql, [ids], about={"product": ids})       # this read is of these products alone
    with about("product", [product.id]): ...        # the writes inside are of this product alone
    changed("listing", channel_ids)                 # beside `about("listing", ())`: a statement told what it wrote

A read of all rows of a kind yields {"product"}, of named ones {"product:<id>", "product:*"}. A write of named
ones yields {"product:<id>", "product"}, of unnamed ones {"product", "product:*"}. So an answer is outdated
exactly by a change that shares a topic with it.
"""

from commerce.db.topics.changes import Changes, Handler, about, about_objects, changed, on_changes, remove_handler
from commerce.db.topics.declared import NOT_SHOWN, PLATFORM, Topic, Topics, clock_index, declared, objects_of
from commerce.db.topics.reads import Found, Reads, collecting_reads, current_reads, depend_on
from commerce.db.topics.statements import Usage, usage_of

__all__ = [
    "NOT_SHOWN",
    "PLATFORM",
    "Changes",
    "Found",
    "Handler",
    "Reads",
    "Topic",
    "Topics",
    "Usage",
    "about",
    "about_objects",
    "changed",
    "clock_index",
    "collecting_reads",
    "current_reads",
    "declared",
    "depend_on",
    "objects_of",
    "on_changes",
    "remove_handler",
    "usage_of",
]
