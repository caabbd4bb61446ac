-- Stores one variant under a key, unless a newer one is there. Returns 1, or 0 if it is superseded.
-- ARGV: name, bytes, life in ms, fence (0: none), writer, time of the request, stamp, most variants
local key, name, life, fence = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local writer, sent, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[8])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local records = redis.pcall('HGET', key, 'm')
if type(records) == 'table' then
  -- Something else has this key.
  redis.call('DEL', key)
  records = false
end
records = records or ''
local highest = 0
if #records >= 8 then highest = struct.unpack('>d', records) end
if fence > 0 and fence < highest then return 0 end
if fence > highest then highest = fence end
local expires = now + life
-- After a failover, moments may be those of a clock that is ahead: what they belong to has no age.
local latest = now + 1000
local last, kept, gone = expires, {}, {}
for at = 9, #records - 55, 56 do
  local other = string.sub(records, at, at + 15)
  local ends = struct.unpack('>d', records, at + 48)
  if other == name then
    local same = string.sub(records, at + 16, at + 23) == writer
    if same and ends > now and struct.unpack('>d', records, at + 32) > sent then return 0 end
  elseif ends <= now or struct.unpack('>d', records, at + 40) > latest or #kept + 1 >= most then
    gone[#gone + 1] = other
  else
    kept[#kept + 1] = string.sub(records, at, at + 55)
    if ends > last then last = ends end
  end
end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
local own = name .. writer .. ARGV[7] .. struct.pack('>ddd', sent, now, expires)
local all = struct.pack('>d', highest) .. own .. table.concat(kept)
redis.call('HSET', key, name, ARGV[2], 'm', all)
redis.call('PEXPIRE', key, last - now)
return 1
