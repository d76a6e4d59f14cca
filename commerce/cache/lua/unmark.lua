-- KEYS: versions. ARGV: holder of a mark.
unmark(KEYS[1], ARGV[1])
