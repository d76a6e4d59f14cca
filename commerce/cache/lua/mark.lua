-- KEYS: versions. ARGV: holder, mark.
if redis.call('HSET', KEYS[1], '~' .. ARGV[1], ARGV[2]) == 1 then
  local marks = redis.call('HGET', KEYS[1], '.marks')
  redis.call('HSET', KEYS[1], '.marks', marks and marks .. ' ' .. ARGV[1] or ARGV[1])
end
