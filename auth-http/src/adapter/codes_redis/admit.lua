-- Owns counting a request. KEYS: whom it is counted against. ARGV: shift, interval and period in µs, whether a request
-- is given back ("1"). Returns 0, or how many µs until one more is admitted.
--
-- Generic cell rate algorithm: the value is the time at which the bucket is full again.

local now = clock(ARGV[1])
local interval, limit = tonumber(ARGV[2]), now + tonumber(ARGV[3])

local full_at = now
if redis.call('TYPE', KEYS[1]).ok == 'string' then
    full_at = tonumber(redis.call('GET', KEYS[1]):match('^%d+$')) or now
end
-- No bucket is emptier than empty: a server's clock that is set back locks nobody out for longer than
-- a period.
full_at = math.max(now, math.min(full_at, limit))

if ARGV[4] == '1' then
    full_at = math.max(now, full_at - interval)
    local left = math.max(1, math.ceil((full_at - now) / 1000))
    redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', left)
    return 0
end

local next_full_at = full_at + interval
if next_full_at > limit then return next_full_at - limit end
local expiry = math.max(1, math.ceil((next_full_at - now) / 1000))
redis.call('SET', KEYS[1], string.format('%.0f', next_full_at), 'PX', expiry)
return 0
