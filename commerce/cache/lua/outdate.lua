-- KEYS: versions. ARGV: position. Everything stored before is outdated. Reply: 1, or 0 where nothing was served.
if redis.call('HEXISTS', KEYS[1], '.floor') == 0 then
  redis.call('HDEL', KEYS[1], '.claim')
  return 0
end
raise_field(KEYS[1], '.floor', ARGV[1])
raise_field(KEYS[1], '.top', ARGV[1])
return 1
