"""Writes that may be sent twice: whoever names one by a key gets the first answer again, and no second effect.

    found = idempotency.begin(key=key, caller="app:…", digest=digest, now=now)      # in the scope of the effect
    if isinstance(found, Answer): return found                                      # it was done before
    answer = ...                                                                    # the effect
    found.finish(answer)                                                            # committed with it

Where a network call lies between, `begin`, each `found.advance("captured", now=now)` and `finish` have transactions of
their own: whoever comes back after the lease is over goes on at `found.recovery_point`. A failure that rolls back the
transaction leaves nothing: the same key may be sent again.
"""

from commerce.idempotency.answers import Answer
from commerce.idempotency.operations import KEEP, LEASE, Begun, InFlight, KeyReused, begin, is_key, prune

__all__ = ["KEEP", "LEASE", "Answer", "Begun", "InFlight", "KeyReused", "begin", "is_key", "prune"]
