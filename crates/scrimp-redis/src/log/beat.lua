-- Takes or keeps the part of the beating node, and beats. KEYS: head, stream, elected node.
-- ARGV: node, lease in milliseconds, channel, identifier of a new log, command of the bell.
-- Redis before version 7 has no SPUBLISH.
local function ring(line)
  local rung = redis.pcall(ARGV[5], ARGV[3], line)
  if type(rung) == 'table' and rung.err then redis.call('PUBLISH', ARGV[3], line) end
end
local taken = redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2])
if not taken then
  if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
local head = redis.call('HMGET', KEYS[1], 'log', 'at', 'nonce')
if not (head[1] and head[2] and head[3]) then
  head = {ARGV[4], '0', '0'}
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'log', head[1], 'at', '0', 'nonce', '0')
end
ring(table.concat({'b', head[1], head[2], head[3]}, ' ') .. '\n')
return 1
