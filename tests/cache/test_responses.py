"""What is kept, what is served, and what is refused, step by step."""

from commerce.cache.responses import Bypass, Hit, Miss
from commerce.cache.versions import publisher


def keep(entry, body=b"{}", topics=("product",)):
    found = entry.lookup()
    assert isinstance(found, Miss)
    assert entry.store(found, body=body, topics=topics)
    return found


def test_an_answer_that_was_stored_is_served_with_its_topics(tenant, new_entry):
    keep(new_entry(tenant), b'{"data":1}', ("product:7", "product:*"))
    found = new_entry(tenant).lookup()
    assert isinstance(found, Hit)
    assert (found.body, set(found.topics)) == (b'{"data":1}', {"product:7", "product:*"})
    assert 0 <= found.age < 60
