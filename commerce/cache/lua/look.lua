-- KEYS: versions. ARGV: timeline, nonce, topics. Reply: {sound, top, newest} | {marked, top, holder, made}
--       | {unfounded, claim} | {elsewhere}
local state, top, floor, marks = state_of(KEYS[1], ARGV[1], ARGV[2])
if state ~= 'sound' then
  return {state, top}
end
local topics = words(ARGV[3])
local holder, made = mark_on(KEYS[1], marks, topics)
if holder then
  return {'marked', top, holder, made}
end
return {state, top, newest_of(KEYS[1], floor, topics)}
