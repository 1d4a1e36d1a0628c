"""The scripts that move a view's shard: items, delta log and position as one step.

A shard is a hash of items whose field `@` holds the shard's position `epoch-offset`, and a
stream of deltas whose entry ids are those positions: a stream takes only growing ids, so an
older epoch or a repeated offset cannot enter. Every script is given one key; the log's name
follows from the items', on the same slot. Their first argument is the link's own, and not used.
"""

from callboard.cache.transport import Script

__all__ = ["ADVANCE", "MOVE_HEAD", "POSITION_FIELD", "RESTORE", "SCRIPTS"]

POSITION_FIELD = "@"

# What another program has put in the place of a position is none: the view is restored over it.
_READ = """
local function read(text)
  if type(text) ~= 'string' then return nil, nil end
  local e, o = string.match(text, '^(%d+)%-(%d+)')
  return tonumber(e), tonumber(o)
end
"""

# A projector of an earlier epoch is told so ("fenced"); a shard that is not where the projector
# left it (flushed, expired, overwritten, lost writes in a fail-over) is reported "missing" and
# restored.
# ARGV: -, epoch, expected offset, ttl_ms, log_max, then offset, key, change, keep, value, at, …
ADVANCE = Script(
    _READ
    + """
local epoch, expected = tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl_ms, log_max = ARGV[4], ARGV[5]
local log = KEYS[1] .. ':log'
local e, o = read(redis.pcall('HGET', KEYS[1], '@'))
if not e then return 'missing' end
if e > epoch then return 'fenced' end
if e < epoch or o < expected then return 'missing' end
local kind = redis.call('TYPE', log).ok
if kind ~= 'stream' and kind ~= 'none' then return 'missing' end
for i = 6, #ARGV, 6 do
  local offset, key, change, keep = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local value, at = ARGV[i + 4], ARGV[i + 5]
  if tonumber(offset) > o then
    if keep == '1' then redis.call('HSET', KEYS[1], key, value)
    else redis.call('HDEL', KEYS[1], key) end
    local id = ARGV[2] .. '-' .. offset
    redis.call('XADD', log, 'MAXLEN', '~', log_max, id,
      'k', key, 'c', change, 'p', keep, 'v', value, 't', at)
    redis.call('HSET', KEYS[1], '@', id)
    o = tonumber(offset)
  end
end
redis.call('PEXPIRE', KEYS[1], ttl_ms)
redis.call('PEXPIRE', log, ttl_ms)
return 'ok'
"""
)

# ARGV: -, epoch, offset, ttl_ms, then key, value, … The log restarts: whoever was reading it
# finds a gap and loads the items anew.
RESTORE = Script(
    _READ
    + """
local e = read(redis.pcall('HGET', KEYS[1], '@'))
if e and e > tonumber(ARGV[2]) then return 'fenced' end
redis.call('DEL', KEYS[1], KEYS[1] .. ':log')
redis.call('HSET', KEYS[1], '@', ARGV[2] .. '-' .. ARGV[3])
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'ok'
"""
)

# ARGV: -, epoch, offset, instants, ttl_ms.
MOVE_HEAD = Script(
    _READ
    + """
local e = read(redis.pcall('GET', KEYS[1]))
if e and e > tonumber(ARGV[2]) then return 'fenced' end
redis.call('SET', KEYS[1], ARGV[2] .. '-' .. ARGV[3] .. '|' .. ARGV[4], 'PX', ARGV[5])
return 'ok'
"""
)

SCRIPTS = (ADVANCE, RESTORE, MOVE_HEAD)
