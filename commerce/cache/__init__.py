"""What is kept in Redis (REDIS_CACHE_URL), which may forget it, be slow or be gone: answers, and what outdates them.

    keys.Key(…).digest()                what an answer is kept under
    responses.Entry.of(…).lookup()      a Hit, a Miss or a Bypass; then `wait`, `store` or `release`
    remembered.Remembered(topics, most) what a process keeps in its own memory, by versions.look
    versions.publisher                  is told of every transaction around its COMMIT
    settling.settle()                   ends what killed writers have begun; the relay calls it every second

**Why no answer is stale.** A position is a place in PostgreSQL's log; later ones are greater. A writer W marks its
topics, commits, asks for a position Q, which is after its commit record, publishes Q as the version of its topics,
and is answered only then. A reader first looks: S (`since`) is the greatest version published so far. Only after that
it opens its snapshot, on the primary, or on a replica that is known to have replayed S.

1. The snapshot has every W that was published before the look. Its Q <= S; the primary had committed it before
   Q was asked for, and a replica that has replayed S has replayed all before it.
2. A W that the snapshot lacks has Q > S: its commit record comes after what the snapshot has, and that reaches S.
3. So an answer made from topics T is missing a change of T exactly if some version of T is, or will be, greater than
   its S. It is stored, and served, only while none is; each check is one script, which nothing interleaves.
   Between the commit and the publication of Q the mark stands: nothing that names its topics is served or stored.
   Who has been answered, or has been shown a change that another answer would lack, therefore sees no older answer.
4. A topic without a version has the floor as its version, which is at least every version that the hash has lost.
   Those that a script drops raise it. Where the hash itself was lost there is no floor, and nothing is served until a
   reader has made a claim in the hash, has asked the primary for its position after that, and the claim is still
   there: what was published into lost hashes was committed before.
5. A promotion begins a timeline, whose positions are greater than all before, also than those that were lost with
   the old primary. Readers compare with the timeline that the primary is on, and a floor of another one counts as none.
6. A writer that dies leaves its mark, which the relay turns into a version once PostgreSQL says that the transaction
   is over, with a position that it asks for after that. A writer that could not make its mark (no Redis) leaves an
   event in its transaction, which the relay delivers until Redis has taken it.

**What is not covered.** Redis that was out of reach of a writer, and not of others, serves what that writer changed
until the relay has delivered the event, in general within a second. A writer that dies between its COMMIT and its
publication, after Redis has lost both its mark and the list of marks in that very moment, is not noticed; nor is a
Redis that comes back with what it knew some time ago (restored, or failed over to a replica that lags). Then an
answer is wrong for RESPONSE_CACHE_TTL at most, 600 seconds. `synchronous_commit` has to be on, as it is by default.
"""
