-- Puts a code, as auth-core's Slot::put does. KEYS: the slot. ARGV: shift, mail, how many mails a slot remembers,
-- lease, whether the sending has ended ("1"), MAC, lifetime in µs, tries, how many codes are good, retention in µs.

local function keep_newest(items, count)
    while #items > count do table.remove(items, 1) end
end

local now = clock(ARGV[1])
local mail, lease, ends, mac = ARGV[2], ARGV[4], ARGV[5] == '1', ARGV[6]
local lifetime, retention = tonumber(ARGV[7]), tonumber(ARGV[10])
local slot = read(KEYS[1], now) or { mails = {}, codes = {}, tries = 0, ends = 0 }

local living, stored = {}, false
for _, code in ipairs(slot.codes) do
    if code.expires > now then
        if code.mac == mac then
            stored = true
            -- Another worker is sending the mail once more: the code is that one's.
            if not ends or code.lease == lease then code.lease, code.expires = lease, now + lifetime end
        end
        if code.expires > now then table.insert(living, code) end
    end
end
if not stored and lifetime > 0 then
    table.insert(living, { mac = mac, lease = lease, expires = now + lifetime, redeemed = false })
end
-- One more than are good: when the newest is taken back, the one that it displaced is good again.
keep_newest(living, tonumber(ARGV[9]) + 1)
slot.codes = living

-- Threat: guesses without end, by having the same mail tried again. It refills the tries once.
local known = false
for _, other in ipairs(slot.mails) do known = known or other == mail end
if lifetime > 0 and not known then
    slot.tries = tonumber(ARGV[8])
    table.insert(slot.mails, mail)
    keep_newest(slot.mails, tonumber(ARGV[3]))
end

slot.ends = math.max(slot.ends, now + retention)
write(KEYS[1], slot, 'PX', math.max(1, math.ceil((slot.ends - now) / 1000)))
return 'stored'
