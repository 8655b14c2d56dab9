-- Whether a request would be counted and a code stored. KEYS: a key of its own.
--
-- Calls each command that the other scripts call, since a user may lack the right to one. A replica, a server
-- without memory and one whose disk is full answer a PING and admit nobody.

redis.call('TIME')
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('TYPE', KEYS[1])
redis.call('GET', KEYS[1])
return 'ready'
