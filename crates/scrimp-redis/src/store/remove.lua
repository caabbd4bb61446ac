-- Removes one variant under a key, if it is still the one with this stamp. The fence stays until
-- the key expires. ARGV: name, stamp
local key, kind = KEYS[1], redis.call('TYPE', KEYS[1]).ok
local records
if kind == 'string' then
  records = redis.call('GETRANGE', key, 0, 71)
elseif kind == 'hash' then
  records = redis.call('HGET', key, 'm')
end
if not records then return redis.call('DEL', key) end
for at = 9, #records - 63, 64 do
  if string.sub(records, at, at + 15) == ARGV[1] then
    if string.sub(records, at + 24, at + 31) ~= ARGV[2] then return 0 end
    local rest = string.sub(records, 1, at - 1) .. string.sub(records, at + 64)
    if kind == 'string' then
      redis.call('SET', key, rest, 'KEEPTTL')
      return 1
    end
    redis.call('HSET', key, 'm', rest)
    return redis.call('HDEL', key, ARGV[1])
  end
end
return 0
