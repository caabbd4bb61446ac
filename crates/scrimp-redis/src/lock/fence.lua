-- Returns the next fence.
local fence = redis.call('INCR', KEYS[1])
if fence == 1 then
  -- The counter was lost: begin above all that it can have given.
  local clock = redis.call('TIME')
  fence = clock[1] * 1000000 + clock[2]
  redis.call('SET', KEYS[1], string.format('%.0f', fence))
end
return fence
