"""The scripts that move a view's shard: items, delta log and position as one step.

A shard is a hash of items whose field `@` holds the shard's position `epoch-offset`, and a
stream of deltas whose entry ids are those positions: a stream takes only growing ids, so an
older epoch or a repeated offset cannot enter. Every script is given one key; the log's name
follows from the items', on the same slot. Their first argument is the link's own, and not used.
"""

from callboard.cache.transport import Script

__all__ = ["ADVANCE", "MOVE_HEAD", "POSITION_FIELD", "RESTORE", "SCRIPTS"]

POSITION_FIELD = "@"

# A projector of an earlier epoch is told so ("fenced"); a shard that is not where the projector
# left it (flushed, expired, lost writes in a fail-over) is reported "missing" and restored.
# ARGV: -, epoch, expected offset, ttl_ms, log_max, then offset, key, change, keep, value, at, …
ADVANCE = Script("""
local epoch, expected = tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl_ms, log_max = ARGV[4], ARGV[5]
local log = KEYS[1] .. ':log'
local position = redis.call('HGET', KEYS[1], '@')
if not position then return 'missing' end
local e, o = string.match(position, '^(%d+)%-(%d+)$')
e, o = tonumber(e), tonumber(o)
if e > epoch then return 'fenced' end
if e < epoch or o < expected then return 'missing' end
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
""")

# ARGV: -, epoch, offset, ttl_ms, then key, value, … The log restarts: whoever was reading it
# finds a gap and loads the items anew.
RESTORE = Script("""
local position = redis.call('HGET', KEYS[1], '@')
if position then
  local e = tonumber(string.match(position, '^(%d+)%-'))
  if e > tonumber(ARGV[2]) then return 'fenced' end
end
redis.call('DEL', KEYS[1], KEYS[1] .. ':log')
redis.call('HSET', KEYS[1], '@', ARGV[2] .. '-' .. ARGV[3])
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'ok'
""")

# ARGV: -, epoch, offset, instants, ttl_ms.
MOVE_HEAD = Script("""
local head = redis.call('GET', KEYS[1])
if head and tonumber(string.match(head, '^(%d+)%-')) > tonumber(ARGV[2]) then return 'fenced' end
redis.call('SET', KEYS[1], ARGV[2] .. '-' .. ARGV[3] .. '|' .. ARGV[4], 'PX', ARGV[5])
return 'ok'
""")

SCRIPTS = (ADVANCE, RESTORE, MOVE_HEAD)
