-- Stores one variant under a key, unless a newer one is there. Returns 1, or 0 if it is superseded.
-- ARGV: name, bytes, life in ms, fence (0: none), writer, time of the request, stamp, most variants
local key, name, bytes, life, fence = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local writer, sent, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[8])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local kind = redis.call('TYPE', key).ok
local records = ''
if kind == 'string' then
  records = redis.call('GETRANGE', key, 0, 71)
elseif kind == 'hash' then
  records = redis.call('HGET', key, 'm') or ''
end
local highest = 0
if #records >= 8 then highest = struct.unpack('>d', records) end
-- Something else may have this key. Fences are whole numbers.
if not (highest >= 0 and highest <= 9007199254740992) then highest = 0 end
if fence > 0 and fence < highest then return 0 end
if fence > highest then highest = fence end
local expires = now + life
-- After a failover, moments may be those of a clock that is ahead: what they belong to has no age.
local latest = now + 1000
local last, kept, gone = expires, {}, {}
for at = 9, #records - 63, 64 do
  local other = string.sub(records, at, at + 15)
  local ends = struct.unpack('>d', records, at + 48)
  if other == name then
    local same = string.sub(records, at + 16, at + 23) == writer
    if same and ends > now and struct.unpack('>d', records, at + 32) > sent then return 0 end
  elseif not (ends > now) or struct.unpack('>d', records, at + 40) > latest or #kept + 1 >= most then
    gone[#gone + 1] = other
  else
    kept[#kept + 1] = string.sub(records, at, at + 63)
    if ends > last then last = ends end
  end
end
local head = struct.pack('>d', highest)
local own = name .. writer .. ARGV[7] .. struct.pack('>dddd', sent, now, expires, #bytes)
if #kept == 0 then
  redis.call('SET', key, head .. own .. bytes, 'PX', life)
  return 1
end
if kind == 'string' then
  -- It fails if there is no memory to spare, before anything is deleted.
  redis.call('APPEND', key, '')
  local first = redis.call('GETRANGE', key, 72, -1)
  redis.call('DEL', key)
  redis.call('HSET', key, string.sub(kept[1], 1, 16), first)
end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
redis.call('HSET', key, name, bytes, 'm', head .. own .. table.concat(kept))
redis.call('PEXPIRE', key, string.format('%.0f', last - now))
return 1
