-- Reads what is stored under a key: the string of a key with one variant, or the records of several
-- and the bytes of each. Of longer ones, it returns the beginning. ARGV: bytes in all
local key, left = KEYS[1], tonumber(ARGV[1])
local kind = redis.call('TYPE', key).ok
if kind == 'none' then return {} end
if kind == 'string' then return {redis.call('GETRANGE', key, 0, left - 1)} end
local records = kind == 'hash' and redis.call('HGET', key, 'm')
if not records then return redis.error_reply('WRONGTYPE not a stored response') end
local all = {records}
for at = 9, #records - 63, 64 do
  local bytes = ''
  if left > 0 then
    bytes = redis.call('HGET', key, string.sub(records, at, at + 15)) or ''
    if #bytes > left then bytes = string.sub(bytes, 1, left) end
    left = left - #bytes
  end
  all[#all + 1] = bytes
end
return all
