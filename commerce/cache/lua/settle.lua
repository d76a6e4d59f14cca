-- KEYS: versions. ARGV: position, holder, most fields. A mark that was lost may have named any topic.
local mark = redis.call('HGET', KEYS[1], '~' .. ARGV[2])
if mark then
  publish(KEYS[1], ARGV[1], words(string.match(mark, '^%S+ (.*)$')), tonumber(ARGV[3]))
  unmark(KEYS[1], ARGV[2])
elseif redis.call('HEXISTS', KEYS[1], '.floor') == 1 then
  raise_field(KEYS[1], '.floor', ARGV[1])
  raise_field(KEYS[1], '.top', ARGV[1])
else
  redis.call('HDEL', KEYS[1], '.claim')
end
