-- KEYS: versions. ARGV: holder of a mark or ''. Works in a full Redis, which refuses all but deletions at first:
-- nothing is served or stored until a reader has asked the primary for a floor.
redis.call('HDEL', KEYS[1], '.floor', '.claim')
if ARGV[1] ~= '' then
  unmark(KEYS[1], ARGV[1])
end
