-- Releases a lock that is still held with this token, and wakes the processes that wait.
-- KEYS: lock, mark of waiting processes   ARGV: token, channel, message
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('DEL', KEYS[2]) == 1 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return 1
