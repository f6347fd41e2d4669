import { prelude, type Script, type ScriptSettings, scriptOf } from './script.ts'

/**
 * A session is a list (`r:`): its state (version, end and bytes of the private stream, whether it has ended), the principal's id,
 * the epoch, the hot part of the record, the cold part. A hash would take twice the memory. Its private stream is another list
 * (`p:`). The keys contain the life: those of an older life are not found, and are swept away gradually.
 */
const sessions = `
local lived = base .. life
local expiries = lived .. ':x'

local function recordOf(id)
  return lived .. ':r:' .. id
end

local function streamOf(id)
  return lived .. ':p:' .. id
end

local function stateOf(record)
  local version, tail, bytes, ended = string.match(record, '^(%d+) (%d+) (%d+) (%d)$')
  return { version = version, tail = tonumber(tail), bytes = tonumber(bytes), ended = ended }
end

local function state(of)
  return of.version .. ' ' .. text(of.tail) .. ' ' .. text(of.bytes) .. ' ' .. of.ended
end

-- The sessions that have not ended, of each principal and in all.
local function tally(id, from, to)
  if from == to then return end
  if from then
    call('HDEL', lived .. ':u:' .. from, id)
    call('HINCRBY', bucket, 'sessions', -1)
  end
  if to then
    call('HSET', lived .. ':u:' .. to, id, '')
    call('HINCRBY', bucket, 'sessions', 1)
  end
end

local function costOf(element)
  return tonumber(string.match(element, '^%d+')) + overhead
end
`

const read = `
local found = call('LRANGE', recordOf(ARGV[1]), 0, -1)
if not found[1] then return { token } end
local of = stateOf(found[1])
return { token, of.version, found[2], found[3], found[4], found[5] }
`

/**
 * `ARGV`: the id, the version to replace (0 for none), the expiry, whether it has ended, the principal's id, the epoch, the hot
 * and the cold part (empty if unchanged).
 */
const write = `
local id, record = ARGV[1], recordOf(ARGV[1])
local found = call('LRANGE', record, 0, 2)
local of = found[1] and stateOf(found[1]) or { version = '0', tail = 0, bytes = 0, ended = '0' }
if of.version ~= ARGV[2] then return { token, '0' } end
local principal, epoch = ARGV[5], ARGV[6]
tally(id, found[1] and of.ended == '0' and found[2] or nil, ARGV[4] == '0' and principal or nil)
-- A stream without its record is what is left of a session that was evicted or deleted by hand.
if found[3] ~= epoch then
  call('DEL', streamOf(id))
  of.tail, of.bytes = 0, 0
end
of.version, of.ended = text(tonumber(life) * 1099511627776 + call('HINCRBY', bucket, 'versions', 1)), ARGV[4]
if found[1] then
  call('LSET', record, 0, state(of))
  if found[2] ~= principal then call('LSET', record, 1, principal) end
  if found[3] ~= epoch then call('LSET', record, 2, epoch) end
  call('LSET', record, 3, ARGV[7])
  if ARGV[8] ~= '' then call('LSET', record, 4, ARGV[8]) end
else
  call('RPUSH', record, state(of), principal, epoch, ARGV[7], ARGV[8])
end
call('ZADD', expiries, ARGV[3], id)
publish('n:s:' .. id, 'v' .. of.version)
return { token, of.version }
`

/** `ARGV`: the expiry, then the ids. */
const renew = `
local reply = { token }
for index = 2, #ARGV do
  local id = ARGV[index]
  local found = call('LINDEX', recordOf(id), 0)
  if found then
    local of = stateOf(found)
    call('ZADD', expiries, 'GT', ARGV[1], id)
    reply[index] = of.version .. ' ' .. text(of.tail)
  else
    reply[index] = ''
  end
end
return reply
`

/** `ARGV`: the id, the version. */
const remove = `
local id, record = ARGV[1], recordOf(ARGV[1])
local found = call('LRANGE', record, 0, 1)
local of = found[1] and stateOf(found[1])
if not of or of.version ~= ARGV[2] then return { token, 0 } end
call('DEL', record, streamOf(id))
call('ZREM', expiries, id)
if of.ended == '0' then tally(id, found[2], nil) end
publish('n:s:' .. id, 'v0')
return { token, 1 }
`

/** `ARGV`: the id, the epoch, the entry. */
const append = `
local id, record, entry = ARGV[1], recordOf(ARGV[1]), ARGV[3]
local found = call('LRANGE', record, 0, 2)
local of = found[1] and stateOf(found[1])
if not of or of.ended ~= '0' or found[3] ~= ARGV[2] then return { token, 0 } end
of.tail = of.tail + 1
local length = call('RPUSH', streamOf(id), entry)
of.bytes = of.bytes + costOf(entry)
while length > 1 and (length > maxMessages or of.bytes > maxBytes) do
  of.bytes = of.bytes - costOf(call('LPOP', streamOf(id)))
  length = length - 1
end
call('LSET', record, 0, state(of))
publish('n:s:' .. id, 'e' .. text(of.tail) .. ' ' .. #ARGV[2] .. ' ' .. ARGV[2] .. (#entry <= pushBytes and entry or ''))
return { token, of.tail }
`

/** `ARGV`: the id, the position, and the limits of entries and bytes. */
const readAfter = `
local found = call('LRANGE', recordOf(ARGV[1]), 0, 2)
if not found[1] then return { token } end
local of, stream = stateOf(found[1]), streamOf(ARGV[1])
local length = call('LLEN', stream)
local lost = of.tail - length
local from = math.max(tonumber(ARGV[2]) - lost, 0)
local most, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local entries, index, isFull = {}, from, false
local average = math.max(length > 0 and of.bytes / length - overhead or 1, 1)
while index < length and not isFull do
  local part = math.max(math.min(math.floor(room / average), most - #entries, 512), 1)
  for _, element in ipairs(call('LRANGE', stream, index, index + part - 1)) do
    room = room - (costOf(element) - overhead)
    if #entries > 0 and (#entries >= most or room < 0) then
      isFull = true
      break
    end
    entries[#entries + 1] = element
    index = index + 1
  end
end
return { token, found[3], lost, of.tail, lost + from + 1, entries }
`

/** `ARGV`: the id, the offset up to which entries are discarded. */
const trim = `
local record, stream = recordOf(ARGV[1]), streamOf(ARGV[1])
local found = call('LINDEX', record, 0)
if not found then return { token } end
local of = stateOf(found)
local lost = of.tail - call('LLEN', stream)
local count = math.min(tonumber(ARGV[2]), of.tail) - lost
if count > 0 then
  for _, element in ipairs(call('LPOP', stream, count)) do of.bytes = of.bytes - costOf(element) end
  call('LSET', record, 0, state(of))
end
return { token }
`

const count = `
return { token, call('HLEN', lived .. ':u:' .. ARGV[1]), tonumber(call('HGET', bucket, 'sessions')) }
`

const sessionsOf = `
return { token, call('HKEYS', lived .. ':u:' .. ARGV[1]) }
`

/** `ARGV`: the time, the limit. Also sweeps away a few leftovers of an older life. */
const expired = `
local old = call('SRANDMEMBER', base .. 'o')
if old then
  local left = old ~= life and call('ZRANGE', base .. old .. ':x', 0, 199) or {}
  for _, id in ipairs(left) do
    local record = base .. old .. ':r:' .. id
    local principal = call('LINDEX', record, 1)
    if principal then call('DEL', base .. old .. ':u:' .. principal) end
    call('DEL', record, base .. old .. ':p:' .. id)
    call('ZREM', base .. old .. ':x', id)
  end
  if #left == 0 then call('SREM', base .. 'o', old) end
end
local due = call('ZRANGEBYSCORE', expiries, '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local reply = {}
for index = 1, #due, 2 do
  if call('EXISTS', recordOf(due[index])) == 1 then
    reply[#reply + 1] = due[index]
    reply[#reply + 1] = due[index + 1]
  else
    -- Its record was evicted or deleted by hand: nobody could end it, and enough of these would hide all others.
    call('ZREM', expiries, due[index])
    call('DEL', streamOf(due[index]))
  end
end
return { token, text(now), reply }
`

const names = ['read', 'write', 'renew', 'remove', 'append', 'readAfter', 'trim', 'count', 'sessionsOf', 'expired'] as const
const bodies = { read, write, renew, remove, append, readAfter, trim, count, sessionsOf, expired }
/** After a broken connection these may have run or not: a second run could return another result than the first. */
const once: readonly string[] = ['write', 'remove', 'append']

export type SessionScripts = Readonly<Record<(typeof names)[number], Script>>

export function sessionScripts(settings: ScriptSettings): SessionScripts {
  const before = [prelude(settings), sessions]
  const built = names.map((name) => [
    name,
    scriptOf(`session ${name}`, [...before, bodies[name]], once.includes(name) ? 'once' : 'repeatable'),
  ])
  return Object.fromEntries(built) as SessionScripts
}
