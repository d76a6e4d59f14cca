-- KEYS: versions, answer, lead. ARGV: since, nonce, topics, body, until, made, milliseconds to keep it.
-- Reply: stored | outdated | marked
local function leave(reply, openly)
  if redis.call('GET', KEYS[3]) == ARGV[2] then
    if openly then
      redis.pcall('SET', KEYS[3], '-', 'PX', 200)
    else
      redis.call('DEL', KEYS[3])
    end
  end
  return reply
end

local since, topics = ARGV[1], words(ARGV[3])
local head = redis.call('HMGET', KEYS[1], '.floor', '.top', '.marks')
local floor, top, marks = head[1], head[2], head[3]
if not floor or timeline(floor) ~= timeline(since) or timeline(top) ~= timeline(since) then
  return leave('outdated')
end
if newest_of(KEYS[1], floor, topics) > since then
  return leave('outdated')
end
if mark_on(KEYS[1], marks, topics) then
  return leave('marked', true)
end
redis.call('HSET', KEYS[2], 'since', since, 'topics', ARGV[3], 'body', ARGV[4], 'until', ARGV[5], 'made', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return leave('stored')
