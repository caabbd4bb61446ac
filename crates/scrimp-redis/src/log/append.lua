-- Appends a record. KEYS: head, stream.
-- ARGV: nonce, record, records kept, channel, identifier of a new log, command of the bell.
-- Redis before version 7 has no SPUBLISH.
local function ring(line)
  local rung = redis.pcall(ARGV[6], ARGV[4], line)
  if type(rung) == 'table' and rung.err then redis.call('PUBLISH', ARGV[4], line) end
end
local head = redis.call('HMGET', KEYS[1], 'log', 'at', 'nonce')
local log, at, nonce = head[1], head[2], head[3]
if not (log and at and nonce) then
  log, at, nonce = ARGV[5], '0', '0'
  redis.call('DEL', KEYS[2])
end
local next = string.format('%.0f', at + 1)
local function add()
  return redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], next .. '-0', 'n', ARGV[1], 'r', ARGV[2])
end
local added = add()
if type(added) == 'table' and added.err then
  -- A server without memory to spare refuses it, too. Then the log is as it was.
  local foreign = string.find(added.err, 'WRONGTYPE', 1, true)
    or string.find(added.err, 'equal or smaller', 1, true)
    or string.find(added.err, 'exhausted', 1, true)
  if not foreign then return added end
  -- The stream is not that of the head, or no stream at all.
  redis.call('DEL', KEYS[2])
  log, at, nonce, next = ARGV[5], '0', '0', '1'
  added = add()
  if type(added) == 'table' and added.err then return added end
end
redis.call('HSET', KEYS[1], 'log', log, 'at', next, 'nonce', ARGV[1])
local line = table.concat({'a', log, at, nonce, next, ARGV[1]}, ' ')
ring(line .. '\n' .. ARGV[2])
return {log, next, ARGV[1]}
