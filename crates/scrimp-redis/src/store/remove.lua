-- Removes one variant under a key, if it is still the one with this stamp.
-- ARGV: name, stamp
local records = redis.pcall('HGET', KEYS[1], 'm')
if type(records) ~= 'string' then return redis.call('DEL', KEYS[1]) end
for at = 9, #records - 55, 56 do
  if string.sub(records, at, at + 15) == ARGV[1] then
    if string.sub(records, at + 24, at + 31) ~= ARGV[2] then return 0 end
    -- The fence stays until the key expires.
    redis.call('HSET', KEYS[1], 'm', string.sub(records, 1, at - 1) .. string.sub(records, at + 56))
    return redis.call('HDEL', KEYS[1], ARGV[1])
  end
end
return 0
