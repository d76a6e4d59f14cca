-- KEYS: versions. ARGV: position, holder of a mark that this makes good or '', most fields, topics.
publish(KEYS[1], ARGV[1], words(ARGV[4]), tonumber(ARGV[3]))
if ARGV[2] ~= '' then
  unmark(KEYS[1], ARGV[2])
end
