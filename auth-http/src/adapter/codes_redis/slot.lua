-- How a slot is written down; comes before put.lua and redeem.lua.
--
-- A slot is one string, read and written whole, so that no half of it can be lost:
--   layout   "2"
--   tries    1 byte
--   ends     16 digits: when the slot is forgotten, µs on this server's clock
--   counts   1 byte: how many mails; 1 byte: how many codes
--   mails    16 bytes each, oldest first
--   codes    MAC of 32 bytes, lease of 16, expiry of 16 digits, "1" if redeemed or "0"; oldest first
-- It expires as a key at its end as well; `ends` is for test builds, which move time.

local HEAD, MAIL, CODE = 20, 16, 65

local function time_at(text, from)
    local digits = text:sub(from, from + 15)
    return digits:match('^%d+$') and tonumber(digits)
end

-- Returns the slot; nil where there is none, or none any more. Threat: contents that were damaged, or
-- are not ours, and match something. What cannot be read in every part is not there.
local function read(key, now)
    if redis.call('TYPE', key).ok ~= 'string' then return nil end
    local text = redis.call('GET', key)
    if #text < HEAD or text:sub(1, 1) ~= '2' then return nil end
    local ends, mails, codes = time_at(text, 3), text:byte(HEAD - 1), text:byte(HEAD)
    if not ends or ends <= now or #text ~= HEAD + mails * MAIL + codes * CODE then return nil end
    local codes_from = HEAD + 1 + mails * MAIL
    local slot = { tries = text:byte(2), ends = ends, mails = {}, codes = {} }
    for from = HEAD + 1, codes_from - 1, MAIL do
        table.insert(slot.mails, text:sub(from, from + MAIL - 1))
    end
    for from = codes_from, #text, CODE do
        local expires, redeemed = time_at(text, from + 48), text:sub(from + 64, from + 64)
        if not expires or not redeemed:match('[01]') then return nil end
        table.insert(slot.codes, {
            mac = text:sub(from, from + 31),
            lease = text:sub(from + 32, from + 47),
            expires = expires,
            redeemed = redeemed == '1',
        })
    end
    return slot
end

-- Writes the slot by one command; what follows are further arguments of SET.
local function write(key, slot, ...)
    local parts = { '2', string.char(slot.tries), string.format('%016.0f', slot.ends) }
    table.insert(parts, string.char(#slot.mails, #slot.codes))
    for _, mail in ipairs(slot.mails) do table.insert(parts, mail) end
    for _, code in ipairs(slot.codes) do
        table.insert(parts, code.mac .. code.lease)
        table.insert(parts, string.format('%016.0f', code.expires))
        table.insert(parts, code.redeemed and '1' or '0')
    end
    redis.call('SET', key, table.concat(parts), ...)
end
