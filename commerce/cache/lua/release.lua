-- KEYS: lead. ARGV: nonce, milliseconds. Those who wait need not wait for each other, as nothing will be stored.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], '-', 'PX', ARGV[2])
end
