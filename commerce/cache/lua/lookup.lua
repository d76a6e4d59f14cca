-- KEYS: versions, answer, lead. ARGV: timeline, now, nonce, milliseconds of a lead.
-- Reply: {hit, made, topics, body, until} | {miss, top, leads|follows|free} | {marked, top, holder, made}
--        | {unfounded, claim} | {elsewhere}
local state, top, floor, marks = state_of(KEYS[1], ARGV[1], ARGV[3])
if state ~= 'sound' then
  return {state, top}
end
local kept = redis.call('HMGET', KEYS[2], 'since', 'until', 'topics', 'made')
local since = kept[1]
if since and timeline(since) == ARGV[1] and tonumber(ARGV[2]) < tonumber(kept[2]) then
  local topics = words(kept[3])
  -- Where nothing at all was published since, the topics need not be asked for: no version is above the top.
  if top <= since or newest_of(KEYS[1], floor, topics) <= since then
    local holder, made = mark_on(KEYS[1], marks, topics)
    if holder then
      return {'marked', top, holder, made}
    end
    return {'hit', kept[4], kept[3], redis.call('HGET', KEYS[2], 'body'), kept[2]}
  end
end
local leader = redis.call('GET', KEYS[3])
if leader == ARGV[3] then
  return {'miss', top, 'leads'}
elseif leader == '-' then
  return {'miss', top, 'free'}
elseif leader then
  return {'miss', top, 'follows'}
end
local led = redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
return {'miss', top, led.err and 'free' or 'leads'}
