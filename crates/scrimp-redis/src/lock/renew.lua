-- Starts the lease of a lock again, if it is still held with this token.
-- ARGV: token, lease in ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
