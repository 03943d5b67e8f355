"""What the server of Valkey or Redis does as one step each, in its own language."""

from __future__ import annotations

# ARGV: prefix, area, a generation to make if the area is missing, then keys.
# Returns the generation, whether there is a text, and for each key its version and its root.
BEGIN = """
local about = ARGV[1] .. 'area:' .. ARGV[2]
redis.call('HSETNX', about, 'generation', ARGV[3])
local generation = redis.call('HGET', about, 'generation')
local found = {generation, redis.call('HEXISTS', about, 'meta')}
for place = 4, #ARGV do
    local hash = ARGV[1] .. generation .. ':' .. ARGV[place]
    found[#found + 1] = redis.call('HMGET', hash, 'towpath.key.version', '')
end
return found
"""
# ARGV: prefix, area, generation, then for each key: it, the version it has (empty: none), how many
# parts change, and these: name, '+' or '-', value. Returns for each key whether it was changed.
APPLY = """
local about = ARGV[1] .. 'area:' .. ARGV[2]
local present = redis.call('HGET', about, 'generation') == ARGV[3]
local done, place = {}, 4
while place <= #ARGV do
    local hash, version = ARGV[1] .. ARGV[3] .. ':' .. ARGV[place], ARGV[place + 1]
    local parts = tonumber(ARGV[place + 2])
    local fits = present
        and (redis.call('HGET', hash, 'towpath.key.version') or '') == version
    place = place + 3
    for part = place, place + 3 * parts - 1, 3 do
        if fits and ARGV[part + 1] == '+' then
            redis.call('HSET', hash, ARGV[part], ARGV[part + 2])
        elseif fits then
            redis.call('HDEL', hash, ARGV[part])
        end
    end
    if fits then
        redis.call('HSET', hash, 'towpath.key.version', redis.call('HINCRBY', about, 'changes', 1))
        if redis.call('HLEN', hash) == 1 then
            redis.call('DEL', hash)
        end
    end
    place = place + 3 * parts
    done[#done + 1] = fits and 1 or 0
end
return done
"""
# ARGV: prefix, area, generation, 1 if there is a text already, that text, the new one. Returns 1,
# or 0 for another generation, or 2 for another text.
META = """
local about = ARGV[1] .. 'area:' .. ARGV[2]
local meta = redis.call('HGET', about, 'meta')
if redis.call('HGET', about, 'generation') ~= ARGV[3] then
    return 0
end
if (ARGV[4] == '1') ~= (meta ~= false) or (meta and meta ~= ARGV[5]) then
    return 2
end
redis.call('HSET', about, 'meta', ARGV[6])
return 1
"""
# ARGV: prefix, area, generation, 1 if there must be a text, that text, the new one. A generation
# that is no longer among those being written was given up by another writer.
SWAP = """
local about, leftover = ARGV[1] .. 'area:' .. ARGV[2], ARGV[1] .. 'leftover:' .. ARGV[2]
local meta = redis.call('HGET', about, 'meta')
if (ARGV[4] == '1') ~= (meta ~= false) or (meta and meta ~= ARGV[5])
    or redis.call('SREM', leftover, ARGV[3]) == 0 then
    return 0
end
local before = redis.call('HGET', about, 'generation')
if before then
    redis.call('SADD', leftover, before)
end
redis.call('HSET', about, 'generation', ARGV[3], 'meta', ARGV[6])
return 1
"""
# ARGV: prefix, area.
DROP = """
local about = ARGV[1] .. 'area:' .. ARGV[2]
local before = redis.call('HGET', about, 'generation')
if before then
    redis.call('SADD', ARGV[1] .. 'leftover:' .. ARGV[2], before)
    redis.call('DEL', about)
end
"""


# ARGV: prefix, area, generation. Returns 1 if it may be removed: from then on it cannot be put in
# place any more. One that is in place is not among the leftover ones.
CONDEMN = """
local condemned = ARGV[1] .. 'condemned:' .. ARGV[2]
redis.call('SMOVE', ARGV[1] .. 'leftover:' .. ARGV[2], condemned, ARGV[3])
return redis.call('SISMEMBER', condemned, ARGV[3])
"""

SCRIPTS = {
    "begin": BEGIN,
    "apply": APPLY,
    "meta": META,
    "swap": SWAP,
    "drop": DROP,
    "condemn": CONDEMN,
}
