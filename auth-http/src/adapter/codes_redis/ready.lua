-- Owns finding out whether the server takes writes. KEYS: a key of its own.
--
-- A replica, a server without memory and one whose disk is full answer a PING and admit nobody.

redis.call('SET', KEYS[1], '', 'PX', 1000)
return 'ready'
