-- Reads records in one step with the head. KEYS: head, stream.
-- ARGV: first position or '-', number of records and one, identifier of a new log.
local head = redis.call('HMGET', KEYS[1], 'log', 'at', 'nonce')
if not (head[1] and head[2] and head[3]) then
  head = {ARGV[3], '0', '0'}
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'log', head[1], 'at', '0', 'nonce', '0')
end
return {head[1], head[2], head[3], redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2])}
