-- Removes the variants under a key whose time is over, and those that were stored longer ago than this.
-- Returns their number. The fence stays until the key expires. ARGV: time in ms
local key, kind = KEYS[1], redis.call('TYPE', KEYS[1]).ok
local records
if kind == 'string' then
  records = redis.call('GETRANGE', key, 0, 71)
elseif kind == 'hash' then
  records = redis.call('HGET', key, 'm')
end
if not records then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local oldest = now - tonumber(ARGV[1])
local rest, gone = string.sub(records, 1, 8), {}
for at = 9, #records - 63, 64 do
  local stored, ends = struct.unpack('>dd', records, at + 40)
  if ends > now and stored >= oldest then
    rest = rest .. string.sub(records, at, at + 63)
  else
    gone[#gone + 1] = string.sub(records, at, at + 15)
  end
end
if #gone == 0 then return 0 end
if kind == 'string' then
  redis.call('SET', key, rest, 'KEEPTTL')
else
  redis.call('HSET', key, 'm', rest)
  redis.call('HDEL', key, unpack(gone))
end
return #gone
