-- Takes a lock. Returns {1, fence}, or {0, milliseconds until the lease of the holder expires}.
-- KEYS: lock, mark of waiting processes, counter of fences (left out in a cluster)
-- ARGV: token, lease in ms
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  redis.call('DEL', KEYS[2])
  if not KEYS[3] then return {1, 0} end
  local fence = redis.call('INCR', KEYS[3])
  if fence == 1 then
    -- The counter was lost: begin above all that it can have given.
    local clock = redis.call('TIME')
    fence = clock[1] * 1000000 + clock[2]
    redis.call('SET', KEYS[3], string.format('%.0f', fence))
  end
  return {1, fence}
end
local left = redis.call('PTTL', KEYS[1])
if left == -1 then
  -- Something else has left a key without an end.
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
if left > 0 then redis.call('SET', KEYS[2], '1', 'PX', left) end
return {0, left}
