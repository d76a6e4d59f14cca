-- A circuit breaker for one webhook, and how many calls of it are under way.
-- KEYS: a hash (failures, since, open_until), a sorted set of calls by the moment at which they are taken for lost.
-- ARGV: "enter", the call, the most calls at once, the seconds that a call may take
--   returns "closed" (go on), "open" (it failed too often) or "full"
-- or "leave", the call, 1 or 0 for success, the failures that open it, within so many seconds, and for how many
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local open_until = tonumber(redis.call('HGET', KEYS[1], 'open_until') or 0)
if ARGV[1] == 'enter' then
  if open_until > now then return 'open' end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'full' end
  local lost_at = now + ARGV[4]
  -- Half open: this call alone tries it, until it has left or is lost.
  if open_until > 0 then redis.call('HSET', KEYS[1], 'open_until', lost_at) end
  redis.call('ZADD', KEYS[2], lost_at, ARGV[2])
  redis.call('EXPIRE', KEYS[2], math.ceil(ARGV[4]) + 1)
  return 'closed'
end
redis.call('ZREM', KEYS[2], ARGV[2])
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
  return 'closed'
end
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or 0)
if now - since > tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], 'since', now, 'failures', 0)
end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local is_open = open_until > 0 or failures >= tonumber(ARGV[4])
if is_open then redis.call('HSET', KEYS[1], 'open_until', now + ARGV[6]) end
redis.call('EXPIRE', KEYS[1], math.ceil(math.max(ARGV[5], ARGV[6])) * 10)
return is_open and 'open' or 'closed'
