-- What the scripts share. The hash of a tenant's versions has, beside topics, these fields:
--   .floor        the version of every topic that has no field
--   .top          the greatest version that was ever published
--   .claim        made by a reader who found no floor of this timeline, and is asking the primary for one
--   .marks        the holders of marks, separated by spaces
--   ~<holder>     a mark: when it was made, and the topics of a transaction that may be committing
-- Positions are texts of 30 digits, 10 for the timeline, which compare alike in every locale.

local function timeline(position)
  return string.sub(position, 1, 10)
end

local function words(text)
  local found = {}
  for word in string.gmatch(text, '%S+') do
    found[#found + 1] = word
  end
  return found
end

-- Return 'sound', the top, the floor and the marks; or 'unfounded' and a claim; or 'elsewhere': the primary
-- has moved to a timeline that the caller has not heard of.
local function state_of(hash, expected, nonce)
  local head = redis.call('HMGET', hash, '.floor', '.top', '.marks', '.claim')
  local floor, top, marks, claim = head[1], head[2], head[3], head[4]
  if not floor or timeline(floor) < expected then
    if not claim then
      claim = nonce
      redis.call('HSET', hash, '.claim', claim)
    end
    return 'unfounded', claim
  end
  if timeline(floor) > expected or timeline(top) > expected then
    return 'elsewhere'
  end
  return 'sound', top, floor, marks
end

-- Return the greatest version of these topics, at least the floor.
local function newest_of(hash, floor, topics)
  local newest = floor
  if #topics > 0 then
    for _, version in ipairs(redis.call('HMGET', hash, unpack(topics))) do
      if version and version > newest then
        newest = version
      end
    end
  end
  return newest
end

-- Return the holder of a mark that names one of the topics, and when it was made.
local function mark_on(hash, marks, topics)
  if not marks then
    return nil
  end
  local wanted = {}
  for _, topic in ipairs(topics) do
    wanted[topic] = true
  end
  for _, holder in ipairs(words(marks)) do
    local made, named = string.match(redis.call('HGET', hash, '~' .. holder) or '', '^(%S+) (.*)$')
    for topic in string.gmatch(named or '', '%S+') do
      if wanted[topic] then
        return holder, made
      end
    end
  end
  return nil
end

local function unmark(hash, holder)
  redis.call('HDEL', hash, '~' .. holder)
  local rest = {}
  for _, other in ipairs(words(redis.call('HGET', hash, '.marks') or '')) do
    if other ~= holder then
      rest[#rest + 1] = other
    end
  end
  if #rest == 0 then
    redis.call('HDEL', hash, '.marks')
  else
    redis.call('HSET', hash, '.marks', table.concat(rest, ' '))
  end
end

local function raise_field(hash, field, position)
  local known = redis.call('HGET', hash, field)
  if not known or known < position then
    redis.call('HSET', hash, field, position)
  end
end

-- Forget the older half of the topics, once there are more than `most`: their versions become the floor. Where
-- there is no floor yet, the one that a reader is asking for may be lower than they are: it has to ask again.
local function bound(hash, most)
  if redis.call('HLEN', hash) <= most then
    return
  end
  local all, versions = redis.call('HGETALL', hash), {}
  for i = 1, #all, 2 do
    local first = string.sub(all[i], 1, 1)
    if first ~= '.' and first ~= '~' then
      versions[#versions + 1] = all[i + 1]
    end
  end
  if #versions == 0 then
    return
  end
  table.sort(versions)
  local cut = versions[math.ceil(#versions / 2)]
  for i = 1, #all, 2 do
    local first = string.sub(all[i], 1, 1)
    if first ~= '.' and first ~= '~' and all[i + 1] <= cut then
      redis.call('HDEL', hash, all[i])
    end
  end
  redis.call('HDEL', hash, '.claim')
  if redis.call('HEXISTS', hash, '.floor') == 1 then
    raise_field(hash, '.floor', cut)
  end
end

-- Give the topics a version. Where no reader has asked for a floor yet, the one it will get is not lower.
local function publish(hash, position, topics, most)
  local head = redis.call('HMGET', hash, '.floor', '.claim')
  if not head[1] and not head[2] then
    return
  end
  for _, topic in ipairs(topics) do
    raise_field(hash, topic, position)
  end
  raise_field(hash, '.top', position)
  bound(hash, most)
end
