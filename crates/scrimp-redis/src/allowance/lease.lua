-- Reports what a process has used of an account, and leases it more.
-- KEYS: account, ends of its leases
-- ARGV: process, limit, beginning and end of the period (ms since 1970; no end: 0), time of a lease in ms,
--   identifier of a new account, that of the account known to the process (or ''), used in all,
--   part of it reported before, reserved by calls under way, free, least amount that a request waits for
--   beyond the free one, amount that all requests wait for beyond it, further amount that is wished for,
--   time in which leases are returned in ms, share of a lost lease that counts as used (0 or 1), channel,
--   message, number of this message among those of its process
-- Returns: outcome (g granted, s short, w wait, p other period, o outdated), identifier, amount leased in addition,
--   amount used and leased in all, amount left, the server's time in ms, time to wait in ms

-- Amounts have up to 31 digits. They are pairs, as numbers here are exact up to 16.
local BASE = 1000000000000000
local ZERO = {0, 0}
local function number(text)
  local length = #text
  if length <= 15 then return {0, tonumber(text)} end
  return {tonumber(string.sub(text, 1, length - 15)), tonumber(string.sub(text, length - 14))}
end
local function text(a)
  if a[1] == 0 then return string.format('%.0f', a[2]) end
  return string.format('%.0f%015.0f', a[1], a[2])
end
local function less(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end
local function least(a, b) if less(b, a) then return b end return a end
local function add(a, b)
  local high, low = a[1] + b[1], a[2] + b[2]
  if low >= BASE then return {high + 1, low - BASE} end
  return {high, low}
end
-- The difference, or 0.
local function minus(a, b)
  if less(a, b) then return ZERO end
  local high, low = a[1] - b[1], a[2] - b[2]
  if low < 0 then return {high - 1, low + BASE} end
  return {high, low}
end
-- About the part of an amount, never more than all of it.
local function part(a, count)
  local high = math.floor(a[1] / count)
  local rest = (a[1] - high * count) / count
  local low = math.floor(math.min(rest * BASE + a[2] / count, BASE - 1))
  return least({high, low}, a)
end

local process = 'p:' .. ARGV[1]
local limit, began, ends = number(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local used, reported = number(ARGV[8]), number(ARGV[9])
local reserved, free = number(ARGV[10]), number(ARGV[11])
local must, need, wish = number(ARGV[12]), number(ARGV[13]), number(ARGV[14])
local patience = tonumber(ARGV[15])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- spent, leased: amounts. idle: leased to processes that may hold some of it free. recall: number of the
-- last request to return it; closed: that of the last one which is not waited for any more; unanswered:
-- the part of `idle` of processes that have not answered; asked: its time. waits: the time until which a
-- process may wait for more: what it was refused is asked for again by then, or not at all.
local state = redis.call('HMGET', KEYS[1], 'id', 'spent', 'leased', 'idle', 'unanswered', 'recall', 'closed',
  'asked', 'waits', process)
local id = state[1] or ARGV[6]
local spent, leased = number(state[2] or '0'), number(state[3] or '0')
local idle, unanswered = number(state[4] or '0'), number(state[5] or '0')
local recall, closed = tonumber(state[6] or '0'), tonumber(state[7] or '0')
local asked, waits = tonumber(state[8] or '0'), tonumber(state[9] or '0')
local before = minus(limit, add(spent, leased))

-- A lease is its kind (i: may be idle, e: exact, x: lost or given back), amount, the total used by its
-- process, the last recall that it has answered, and the number of the message.
local function parse(lease)
  local kind, amount, total, answered, message = string.match(lease, '^(%a) (%d+) (%d+) (%d+) (%d+)$')
  return kind, number(amount), number(total), tonumber(answered), tonumber(message)
end
local function leave(kind, amount, answered)
  leased = minus(leased, amount)
  if kind == 'i' and answered >= closed then
    idle = minus(idle, amount)
    if answered < recall then unanswered = minus(unanswered, amount) end
  end
end
local function keep(name, lease)
  -- A process that has ended stays known for a while, but not any number of them.
  if string.sub(lease, 1, 1) == 'x' and redis.call('HLEN', KEYS[1]) > 4096 then
    redis.call('HDEL', KEYS[1], name)
  else
    redis.call('HSET', KEYS[1], name, lease)
  end
end

local known, was_asked = ZERO, less(ZERO, unanswered)
if state[10] then
  local kind, amount, total, answered, message = parse(state[10])
  if tonumber(ARGV[19]) <= message then
    -- It was sent on an earlier connection, and comes too late.
    return {'o', id, '0', text(add(spent, leased)), text(before), now, 0}
  end
  known = total
  if kind == 'x' then spent = minus(spent, amount) else leave(kind, amount, answered) end
elseif ARGV[7] == id then
  known = reported
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)) do
  redis.call('ZREM', KEYS[2], name)
  if name ~= process then
    local lease = redis.call('HGET', KEYS[1], name)
    if lease then
      local kind, amount, total, answered, message = parse(lease)
      leave(kind, amount, answered)
      local lost = ZERO
      if ARGV[16] == '1' then lost = amount end
      spent = add(spent, lost)
      keep(name, 'x ' .. text(lost) .. ' ' .. text(total) .. ' 0 ' .. string.format('%.0f', message))
    end
  end
end

-- A server that has lost the account learns all that its processes have used.
spent = add(spent, minus(used, known))
-- The last answer ends the wait of those who asked, even if it returns nothing.
local is_last = was_asked and not less(ZERO, unanswered)
local own = add(reserved, free)
local room = minus(minus(limit, spent), leased)
local left = minus(room, own)

if asked + patience <= now and less(ZERO, unanswered) then
  -- Those that do not answer may use all that they hold.
  idle, unanswered, closed = minus(idle, unanswered), ZERO, recall
end

local outcome, extra, wait = 'g', ZERO, 0
if now < began or (ends > 0 and now >= ends) then
  outcome = 'p'
elseif less(ZERO, need) or less(ZERO, wish) then
  if less(left, must) then
    waits = now + math.max(patience, 1000)
    if less(ZERO, idle) then
      outcome = 'w'
      if not less(ZERO, unanswered) then
        recall, asked, unanswered = recall + 1, now, idle
        redis.call('PUBLISH', ARGV[17], 'r' .. ARGV[18])
      end
      wait = math.max(asked + patience - now, 1)
    else
      outcome = 's'
    end
  else
    extra = least(need, left)
    if waits <= now and not less(left, need) then
      -- The more processes and the less there is, the shorter the leases.
      local rest = minus(left, extra)
      local others = redis.call('ZCARD', KEYS[2])
      if redis.call('ZSCORE', KEYS[2], process) then others = others - 1 end
      local share = rest
      if others > 0 then share = part(rest, 2 * (others + 1)) end
      share = least(wish, share)
      if not less(share, must) and less(ZERO, share) then
        extra = add(extra, share)
      end
    end
  end
end

local amount = add(own, extra)
leased = add(leased, amount)
if less(ZERO, amount) then
  local kind = 'e'
  -- A request that waited may have gone, so what is leased for it may be idle, too.
  if less(ZERO, free) or less(ZERO, extra) then
    kind, idle = 'i', add(idle, amount)
  end
  redis.call('HSET', KEYS[1], process, table.concat({kind, text(amount), text(used), recall, ARGV[19]}, ' '))
  redis.call('ZADD', KEYS[2], now + ARGV[5], process)
else
  keep(process, 'x 0 ' .. text(used) .. ' 0 ' .. ARGV[19])
  redis.call('ZREM', KEYS[2], process)
end
local after = minus(limit, add(spent, leased))
if waits > now and (is_last and outcome ~= 'w' or less(before, after)) then
  waits = 0
  redis.call('PUBLISH', ARGV[17], 'f' .. ARGV[18])
end
redis.call('HSET', KEYS[1], 'id', id, 'spent', text(spent), 'leased', text(leased), 'idle', text(idle),
  'unanswered', text(unanswered), 'recall', recall, 'closed', closed, 'asked', string.format('%.0f', asked),
  'waits', string.format('%.0f', waits))
if ends > 0 then
  -- Calls may end after their period.
  local rest = math.max(ends - now, 0) + 3600000
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', rest))
  redis.call('PEXPIRE', KEYS[2], string.format('%.0f', rest))
end
return {outcome, id, text(extra), text(add(spent, leased)), text(after), now, wait}
