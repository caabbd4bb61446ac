-- Takes units of a rate: those that requests wait for, and further ones for those to come.
-- KEYS: level
-- ARGV: nanoseconds for one unit, burst, further units, time for which these are kept in nanoseconds; then,
--   for each request that waits, in order, its units and the longest time that it waits in nanoseconds
-- Returns: units taken, time of the first one in nanoseconds from now (negative: for so long), time
--   of one more unit
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local wish, lease = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local state = redis.call('HMGET', KEYS[1], 'level', 'seconds', 'micros', 'kept', 'until')
-- The level is the time, in nanoseconds, until the limit is full again. Above 104 days it is rounded.
local level = tonumber(state[1] or '0')
local is_set_back = false
if state[1] then
  -- From a clock that was set back, time passes from now on.
  local passed = (clock[1] - state[2]) * 1000000000 + (clock[2] - state[3]) * 1000
  is_set_back = passed < 0
  level = math.max(level - math.max(passed, 0), 0)
end
-- Units that processes keep may be used when the level does not show them any more. In any time, these
-- are as many as are replenished while they are kept, at most.
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local most = math.floor(lease / each)
local kept, ends = tonumber(state[4] or '0'), tonumber(state[5] or '0')
if is_set_back then ends = math.min(ends, now + math.ceil((lease + level) / 1000000) + 1) end
if ends <= now then kept = 0 end
local full = (burst - math.min(kept, most, burst - 1)) * each
local scant = (burst - math.min(most, burst - 1)) * each
-- Rounded down; it may be below 0.
local function units(time) return math.floor(time / each) end
-- Each request gets all of its units in time, or none: those of a request that is refused are for others.
local taken, is_short = 0, false
for index = 5, #ARGV, 2 do
  local weight, longest = tonumber(ARGV[index]), tonumber(ARGV[index + 1])
  if weight == 0 or taken + weight <= units(full + longest - level) then taken = taken + weight else is_short = true end
end
if not is_short and wish > 0 then
  -- Half of what is there; of what is to come, as much as is replenished while it is kept.
  local there = math.floor(math.max(units(scant - level) - taken, 0) / 2)
  local ahead = math.max(units(scant + lease - level) - taken, 0)
  local further = math.min(wish, most, math.max(there, ahead))
  if further > 0 then
    taken, kept = taken + further, kept + further
    local last = math.max(level + taken * each - scant, 0)
    ends = math.max(ends, now + math.ceil((lease + last) / 1000000) + 1)
    full = scant
  end
end
local first = level + each - full
level = level + taken * each
local function text(number) return string.format('%.0f', number) end
if taken > 0 or is_set_back then
  redis.call('HSET', KEYS[1], 'level', text(level), 'seconds', clock[1], 'micros', clock[2], 'kept', text(kept),
    'until', text(ends))
  redis.call('PEXPIRE', KEYS[1], text(math.ceil((level + lease) / 1000000) + 1000))
end
return {text(taken), text(first), text(level + each - full)}
