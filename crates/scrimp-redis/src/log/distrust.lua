-- Replaces a log that has lost records, unless it is replaced already. KEYS: head, stream.
-- ARGV: log, channel, identifier of a new log, command of the bell.
-- Redis before version 7 has no SPUBLISH.
local function ring(line)
  local rung = redis.pcall(ARGV[4], ARGV[2], line)
  if type(rung) == 'table' and rung.err then redis.call('PUBLISH', ARGV[2], line) end
end
local log = redis.call('HGET', KEYS[1], 'log')
if log and log ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'log', ARGV[3], 'at', '0', 'nonce', '0')
ring('b ' .. ARGV[3] .. ' 0 0\n')
return 1
