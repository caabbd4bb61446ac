-- Reads some bytes of one variant, if it is still the one with this stamp; otherwise returns nil.
-- ARGV: name, stamp, first byte, last byte
local key, name, stamp = KEYS[1], ARGV[1], ARGV[2]
local kind = redis.call('TYPE', key).ok
local records
if kind == 'string' then
  records = redis.call('GETRANGE', key, 0, 71)
elseif kind == 'hash' then
  records = redis.call('HGET', key, 'm')
end
if not records then return false end
for at = 9, #records - 63, 64 do
  if string.sub(records, at, at + 15) == name then
    if string.sub(records, at + 24, at + 31) ~= stamp then return false end
    if kind == 'string' then return redis.call('GETRANGE', key, 72 + ARGV[3], 72 + ARGV[4]) end
    local bytes = redis.call('HGET', key, name) or ''
    return string.sub(bytes, ARGV[3] + 1, ARGV[4] + 1)
  end
end
return false
