-- Takes the same amount from several token buckets, or from none where one of them has too few.
-- KEYS: the buckets. ARGV: the amount, then the size of each bucket and the milliseconds in which it fills.
-- A bucket is one number, the moment at which it will be full again; a key that is gone is a full bucket.
-- Returns 0, or the number of the bucket that refuses, then for each the milliseconds until it is full.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local refused, full_in = 0, {}
for i, key in ipairs(KEYS) do
  local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  full_in[i] = math.max(0, (tonumber(redis.call('GET', key)) or 0) - now)
  local after = full_in[i] + ARGV[1] * period / size
  if refused == 0 and after > period then refused = i end
end
local answer = {refused}
for i, key in ipairs(KEYS) do
  if refused == 0 then
    local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    full_in[i] = full_in[i] + ARGV[1] * period / size
    redis.call('SET', key, string.format('%.3f', now + full_in[i]), 'PX', math.ceil(full_in[i]) + 1)
  end
  answer[i + 1] = math.ceil(full_in[i])
end
return answer
