-- Owns storing a code. KEYS: the slot. ARGV: shift, mail, MAC, lifetime in µs, tries, how many of the
-- newest codes to keep, retention in µs.

-- How many mails a slot remembers.
local MAILS = 32

local function keep_newest(items, count)
    while #items > count do table.remove(items, 1) end
end

local now = clock(ARGV[1])
local mail, mac, expires = ARGV[2], ARGV[3], now + tonumber(ARGV[4])
local retention = tonumber(ARGV[7])
local slot = read(KEYS[1], now) or { mails = {}, codes = {} }

local known = false
for _, other in ipairs(slot.mails) do known = known or other == mail end
if not known then
    slot.tries = tonumber(ARGV[5])
    table.insert(slot.mails, mail)
    keep_newest(slot.mails, MAILS)
end

local living, stored = {}, false
for _, code in ipairs(slot.codes) do
    if code.expires > now then
        if code.mac == mac then code.expires, stored = expires, true end
        table.insert(living, code)
    end
end
if not stored then table.insert(living, { mac = mac, expires = expires, redeemed = false }) end
keep_newest(living, tonumber(ARGV[6]))

slot.codes, slot.ends = living, now + retention
write(KEYS[1], slot, 'PX', math.max(1, math.ceil(retention / 1000)))
return 'stored'
