"""The scripts that move a view's shard: items, delta log and position as one step.

A shard is a hash of items whose field `@` holds the shard's position `epoch-offset`, and a
stream of deltas whose entry ids are those positions: a stream takes only growing ids, so an
older epoch or a repeated offset cannot enter. Every script touches the keys of one slot.
"""

__all__ = ["ADVANCE", "MOVE_HEAD", "POSITION_FIELD", "RESTORE"]

POSITION_FIELD = "@"

# A projector of an earlier epoch is told so ("fenced"); a shard that is not where the projector
# left it (flushed, expired, lost writes in a fail-over) is reported "missing" and restored.
ADVANCE = """
local epoch, expected = tonumber(ARGV[1]), tonumber(ARGV[2])
local ttl_ms, log_max = ARGV[3], ARGV[4]
local position = redis.call('HGET', KEYS[1], '@')
if not position then return 'missing' end
local e, o = string.match(position, '^(%d+)%-(%d+)$')
e, o = tonumber(e), tonumber(o)
if e > epoch then return 'fenced' end
if e < epoch or o < expected then return 'missing' end
for i = 5, #ARGV, 6 do
  local offset, key, change, keep = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local value, at = ARGV[i + 4], ARGV[i + 5]
  if tonumber(offset) > o then
    if keep == '1' then redis.call('HSET', KEYS[1], key, value)
    else redis.call('HDEL', KEYS[1], key) end
    local id = ARGV[1] .. '-' .. offset
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', log_max, id,
      'k', key, 'c', change, 'p', keep, 'v', value, 't', at)
    redis.call('HSET', KEYS[1], '@', id)
    o = tonumber(offset)
  end
end
redis.call('PEXPIRE', KEYS[1], ttl_ms)
redis.call('PEXPIRE', KEYS[2], ttl_ms)
return 'ok'
"""

# ARGV: epoch, offset, ttl_ms, then key, value, … The log restarts: whoever was reading it
# finds a gap and loads the items anew.
RESTORE = """
local position = redis.call('HGET', KEYS[1], '@')
if position then
  local e = tonumber(string.match(position, '^(%d+)%-'))
  if e > tonumber(ARGV[1]) then return 'fenced' end
end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], '@', ARGV[1] .. '-' .. ARGV[2])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
"""

# ARGV: epoch, offset, instant, ttl_ms.
MOVE_HEAD = """
local head = redis.call('GET', KEYS[1])
if head and tonumber(string.match(head, '^(%d+)%-')) > tonumber(ARGV[1]) then return 'fenced' end
redis.call('SET', KEYS[1], ARGV[1] .. '-' .. ARGV[2] .. '|' .. ARGV[3], 'PX', ARGV[4])
return 'ok'
"""
