-- Owns the time; comes before each of the other scripts, which are one script with it.

-- Returns µs on this server's clock, the one clock that all nodes share. The shift is zero outside
-- test builds.
local function clock(shift)
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(shift)
end
