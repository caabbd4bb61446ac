-- Replaces a log that has lost records, unless it is replaced already. KEYS: head, stream.
-- ARGV: log, channel, identifier of a new log.
local log = redis.call('HGET', KEYS[1], 'log')
if log and log ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'log', ARGV[3], 'at', '0', 'nonce', '0')
redis.call('PUBLISH', ARGV[2], 'b ' .. ARGV[3] .. ' 0 0\n')
return 1
