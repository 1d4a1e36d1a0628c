"""The four moves on an entry and the one on a tag, each atomic on the server of its key.

Stamps are compared as two 32-bit halves: Lua's numbers hold 53 bits, and comparing strings
would depend on the server's locale. Times are milliseconds of the caller's clock: they decide
who loads and when, never what is valid. ARGV[1] is the server's incarnation, ARGV[2] the time.

Prior art: memcache leases (Nishtala et al., NSDI 2013), memcached's meta protocol.
"""

from callboard.cache.transport import Script

__all__ = ["BEAT", "FILL", "FLOOR", "RELEASE", "RENEW", "SCRIPTS", "TAG_FLOOR", "TAKE"]

_PRELUDE = """
local key, server, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local none = string.rep('\\0', 8)
local anyone = string.rep('\\0', 4)
local function less(a, b)
  local ah, al = struct.unpack('>I4I4', a)
  local bh, bl = struct.unpack('>I4I4', b)
  return ah < bh or (ah == bh and al < bl)
end
local function later(a, b) if less(a, b) then return b end return a end
local function ms(s, at) return (struct.unpack('>I8', s, at)) end
local function ours(s) return s == server or s == anyone or server == anyone end
local function live_for(ttl)
  if redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
end
"""

_HEAD = """
local h = redis.call('GETRANGE', key, 0, 63)
local known = #h == 64
local kind = known and h:sub(1, 1)
local strict = known and h:byte(2) == 1
local as_of, floor = known and h:sub(7, 14), known and h:sub(15, 22)
local token = known and h:sub(23, 30)
local here = known and ours(h:sub(3, 6))
"""

TAKE = Script(
    _PRELUDE
    + _HEAD
    + """
-- ARGV: min, token, lease_ms, floor_ttl_ms, coalesce_ms, early, strict, rejected mark or ''
-- {'V', entry}: it is valid. {'B', until}: somebody loads. {'W', floor}: you load.
local min, lease_end = ARGV[3], struct.pack('>I8', now + tonumber(ARGV[5]))
local early = ARGV[8] == '1'
if not here then
  floor = known and floor or none
  redis.call('SET', key, '-' .. string.char(ARGV[9]) .. server .. none .. floor .. ARGV[4]
    .. lease_end .. none .. none .. none .. '\\0\\0', 'PX', ARGV[6])
  return {'W', later(floor, min)}
end
local valid = (kind == 'V' or kind == 'N') and now < ms(h, 47) and not less(as_of, min)
valid = valid and h:sub(31, 38) ~= ARGV[10]
if valid and less(as_of, floor) then
  local dirty, window = ms(h, 55), tonumber(ARGV[7])
  -- A clock that is wrong may close the window, but not widen it beyond its own length.
  valid = window > 0 and dirty > 0 and math.abs(now - dirty) < window
end
if valid and (not early or now < ms(h, 39)) then return {'V', redis.call('GET', key)} end
if token ~= none and ms(h, 31) > now then return {'B', ms(h, 31)} end
redis.call('SETRANGE', key, 22, ARGV[4] .. lease_end)
if ARGV[9] == '1' then redis.call('SETRANGE', key, 1, '\\1') end
live_for(ARGV[6])
return {'W', later(later(floor, min), as_of)}
"""
)
"""Ask for the right to load. The reader's own minimum concerns only itself: it is not stored."""

FILL = Script(
    _PRELUDE
    + _HEAD
    + """
-- ARGV: token (of a put: its mark), as_of ('': no clock), put, life_ms, entry
-- 1 stored, 0 older than what is known, -1 the lease is lost, -2 it is somebody else's.
local clocked, put, entry = ARGV[4] ~= '', ARGV[5] == '1', ARGV[7]
if here then
  local mine = token ~= none and token == ARGV[3]
  if not put and not mine then return -2 end
  if clocked and (less(ARGV[4], floor) or less(ARGV[4], as_of)) then
    if mine then redis.call('SETRANGE', key, 22, none .. none) end
    return 0
  end
elseif not put then
  return -1
elseif known and clocked and less(ARGV[4], floor) then
  return 0
end
local stamps = clocked and ARGV[4] .. ARGV[4]
if not clocked then
  local at = known and later(floor, as_of) or none
  stamps = at .. at
end
redis.call('SET', key, entry:sub(1, 2) .. server .. stamps .. none .. ARGV[3] .. entry:sub(39),
  'PX', ARGV[6])
return 1
"""
)
"""Store a loaded value (under a lease) or a written one (put). A loaded value needs its own
lease to be there still: if it is not, a floor may have been lost together with it."""

FLOOR = Script(
    _PRELUDE
    + _HEAD
    + """
-- ARGV: at ('': unknown), floor_ttl_ms
-- 1 something changed, 0 nothing was older.
local at, ttl = ARGV[3], ARGV[4]
if not here then
  local kept = known and floor or none
  if at ~= '' then kept = later(kept, at) end
  redis.call('SET', key, '-' .. (at == '' and '\\1' or '\\0') .. server .. none .. kept .. none
    .. none .. none .. none .. none .. '\\0\\0', 'PX', ttl)
  return 1
end
if at ~= '' then
  if not less(as_of, at) or not less(floor, at) then return 0 end
  redis.call('SETRANGE', key, 14, at)
  if strict then redis.call('SETRANGE', key, 22, none .. none) end
  if (kind == 'V' or kind == 'N') and ms(h, 55) == 0 then
    redis.call('SETRANGE', key, 54, struct.pack('>I8', now))
  end
else
  if strict and token == none and kind ~= 'V' and kind ~= 'N' then return 0 end
  redis.call('SETRANGE', key, 0, kind:lower() .. '\\1')
  redis.call('SETRANGE', key, 22, none .. none)
end
live_for(ttl)
return 1
"""
)
"""Invalidate. With a commit time the second one of the same write changes nothing; without one
the lease is voided too, because no stamp can tell whether what is being loaded is too old."""

RELEASE = Script(
    _PRELUDE
    + _HEAD
    + """
-- ARGV: token
if here and token == ARGV[3] then redis.call('SETRANGE', key, 22, none .. none) end
return 1
"""
)
"""Give a lease back because the loader failed: whoever waits is woken and may try."""

RENEW = Script(
    _PRELUDE
    + _HEAD
    + """
-- ARGV: token, lease_ms
if not here or token ~= ARGV[3] then return 0 end
redis.call('SETRANGE', key, 30, struct.pack('>I8', now + tonumber(ARGV[4])))
return 1
"""
)
"""Keep a lease whose loader takes long: so leases can be short, and those of the dead end soon."""

TAG_FLOOR = Script(
    _PRELUDE
    + """
-- ARGV: at ('': unknown), ttl_ms. Value: server(4) floor(8) purges(8)
local t = redis.call('GET', key) or ''
local floor, purges = none, 0
if #t == 20 then floor, purges = t:sub(5, 12), ms(t, 13) end
if ARGV[3] ~= '' then
  if #t == 20 and ours(t:sub(1, 4)) and not less(floor, ARGV[3]) then return 0 end
  floor = later(floor, ARGV[3])
else
  purges = purges + 1
end
redis.call('SET', key, server .. floor .. struct.pack('>I8', purges), 'PX', ARGV[4])
return 1
"""
)
"""Invalidate every entry of a tag: readers compare; nothing is walked over."""

BEAT = Script(
    _PRELUDE
    + """
redis.call('SET', key, '1', 'PX', 1000)
redis.call('DEL', key)
return 1
"""
)
"""Touch a key whose name is the time, so that others see how late pushes reach them."""

SCRIPTS = (TAKE, FILL, FLOOR, RELEASE, RENEW, TAG_FLOOR, BEAT)
