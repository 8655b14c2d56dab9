-- Redeems a code, as auth-core's Slot::redeem does. KEYS: the slot. ARGV: shift, how many codes are good, then the typed
-- code's MACs, one per key of ours.
--
-- Nothing else runs on the server while a script does: count, compare and mark are one step. MACs are
-- found by their text, not in constant time: a guesser cannot choose their bytes, since they are HMACs
-- under a key that this server does not hold.

local now = clock(ARGV[1])
local slot = read(KEYS[1], now)
if not slot then return 'missing' end

local typed = {}
for n = 3, #ARGV do typed[ARGV[n]] = true end

-- The newest ones that live. Threat: more codes that are good at once than the odds count with.
local good = {}
for n = #slot.codes, 1, -1 do
    if slot.codes[n].expires > now and #good < tonumber(ARGV[2]) then table.insert(good, slot.codes[n]) end
end
if #good == 0 then return 'missing' end

-- A repeated request with the right code costs no try.
for _, code in ipairs(good) do
    if code.redeemed and typed[code.mac] then return 'redeemed' end
end

-- Threat: parallel guesses past the limit (CVE-2023-47111). The try is counted whatever is found.
if slot.tries == 0 then return 'exhausted' end
slot.tries = slot.tries - 1
local answer = 'wrong'
for _, code in ipairs(good) do
    if answer == 'wrong' and typed[code.mac] then
        code.redeemed, answer = true, 'redeemed'
    end
end
-- Threat: guesses that keep a slot alive. Its end stays where it is.
write(KEYS[1], slot, 'KEEPTTL')
return answer
