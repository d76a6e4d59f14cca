-- KEYS: versions. ARGV: position of the primary, asked for after the claim was seen; that claim.
-- A claim that is gone went with versions that the position may not cover: then nothing is set.
-- Reply: 1 where there is a floor now, else 0.
local floor, claim = unpack(redis.call('HMGET', KEYS[1], '.floor', '.claim'))
if floor and timeline(floor) >= timeline(ARGV[1]) then
  return 1
end
if claim ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], '.floor', ARGV[1])
raise_field(KEYS[1], '.top', ARGV[1])
redis.call('HDEL', KEYS[1], '.claim')
return 1
