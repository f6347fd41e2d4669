import { prelude, type Script, type ScriptSettings, scriptOf } from './script.ts'

/**
 * A topic is a hash (`m:`) with its epoch and its end, and a list (`s:`) of its messages: each element is the time (6 bytes), a
 * letter for the type of the data, and the data. Offsets have no holes, so that the index in the list gives the offset.
 */
const topics = `
local function drop(name)
  local tail = tonumber(call('HGET', base .. 'm:' .. name, 'tail')) or 0
  if tail > high then
    high = tail
    call('HSET', bucket, 'high', text(high))
  end
  call('DEL', base .. 'm:' .. name, base .. 's:' .. name)
  call('ZREM', base .. 't', name)
end

-- The least recently used beyond the bound, and those that nobody uses and that hold nothing.
local function sweep(most)
  local excess = call('ZCARD', base .. 't') - maxTopics
  if excess > 0 then
    for _, name in ipairs(call('ZRANGE', base .. 't', 0, math.min(excess, most) - 1)) do drop(name) end
  end
  for _, name in ipairs(call('ZRANGEBYSCORE', base .. 't', '-inf', text(now - topicIdle), 'LIMIT', 0, most)) do
    if call('EXISTS', base .. 's:' .. name) == 1 then call('ZADD', base .. 't', now, name) else drop(name) end
  end
end

-- A topic in this life of the store. One that was left by another life goes on above all that it may have given out.
local function use(name)
  local meta, list = base .. 'm:' .. name, base .. 's:' .. name
  local found = call('HMGET', meta, 'epoch', 'tail', 'token', 'bytes', 'first', 'age', 'used', 'until')
  local topic = { meta = meta, list = list, epoch = found[1], tail = tonumber(found[2]), bytes = tonumber(found[4]) or 0 }
  topic.first, topic.kept, topic.ends = tonumber(found[5]), found[6], tonumber(found[8])
  topic.age = math.min(maxAge, tonumber(found[6]) or maxAge)
  if not found[1] then
    topic.epoch = string.sub(redis.sha1hex(token .. ' ' .. clock[1] .. ' ' .. clock[2] .. ' ' .. name), 1, 10)
    -- A list without its hash is what is left of a topic that was evicted or deleted by hand: nobody knows its offsets.
    topic.tail = call('DEL', list) == 1 and raised(high) or high
    call('HSET', meta, 'epoch', topic.epoch, 'tail', text(topic.tail), 'token', token)
    call('ZADD', base .. 't', now, name)
    sweep(10)
    return topic
  end
  if found[3] ~= token then
    topic.tail, topic.bytes, topic.first = raised(topic.tail), 0, nil
    call('DEL', list)
    call('HSET', meta, 'tail', text(topic.tail), 'token', token, 'bytes', '0')
    call('HDEL', meta, 'first')
  end
  if math.abs(now - (tonumber(found[7]) or 0)) >= topicUse then
    -- Reading goes on while the memory is full: until there is room, the use is not noted.
    local noted = redis.pcall('ZADD', base .. 't', now, name)
    if type(noted) ~= 'table' or not string.find(noted.err, 'OOM', 1, true) then call('HSET', meta, 'used', text(now)) end
  end
  return topic
end

-- Takes the oldest message out; returns the time of the next.
local function shift(topic)
  local gone = call('LPOP', topic.list)
  if gone then topic.bytes = topic.bytes - (#gone - 7 + overhead) else topic.bytes = 0 end
  local head = gone and call('LINDEX', topic.list, 0)
  topic.first = head and struct.unpack('>I6', head) or nil
end

-- What has reached its age goes, a part of it at a time if it is much.
local function forget(topic)
  local left = 1000
  while topic.first and topic.first <= now - topic.age and left > 0 do
    shift(topic)
    left = left - 1
  end
  return left < 1000
end

-- The same before a read, which writes nothing else: a Redis whose memory is full allows that.
local function clean(topic)
  if not forget(topic) then return end
  call('HSET', topic.meta, 'bytes', text(topic.bytes))
  if topic.first then call('HSET', topic.meta, 'first', text(topic.first)) else call('HDEL', topic.meta, 'first') end
end
`

/** `ARGV`: the topic, the data after its letter, the key, and the limits of messages and age (each may be empty). */
const append = `
local name, data, key = ARGV[1], ARGV[2], ARGV[3]
local topic = use(name)
if key ~= '' then
  -- Of this life: what an older one had is lost.
  key = base .. 'k:' .. token .. ':' .. #name .. ':' .. name .. ':' .. key
  local before = call('GET', key)
  if before then return { token, tonumber(before) } end
end
local isOther = ARGV[5] ~= (topic.kept or '')
if isOther then
  topic.age = math.min(maxAge, tonumber(ARGV[5]) or maxAge)
  if ARGV[5] == '' then call('HDEL', topic.meta, 'age') else call('HSET', topic.meta, 'age', ARGV[5]) end
end
local first = topic.first
forget(topic)
local most = math.min(maxMessages, tonumber(ARGV[4]) or maxMessages)
local after, offset = text(topic.tail), text(topic.tail + 1)
local length = call('RPUSH', topic.list, struct.pack('>I6', now) .. data)
local cost = #data - 1 + overhead
if length == 1 then topic.bytes, topic.first = cost, now else topic.bytes = topic.bytes + cost end
while length > 1 and (length > most or topic.bytes > maxBytes) do
  shift(topic)
  length = length - 1
end
call('HSET', topic.meta, 'tail', offset, 'bytes', text(topic.bytes))
if topic.first ~= first or not first then call('HSET', topic.meta, 'first', text(topic.first or now)) end
if topic.age >= endless then
  if topic.ends then
    call('PERSIST', topic.list)
    call('HDEL', topic.meta, 'until')
  end
elseif length == 1 or isOther or (topic.ends or 0) < now + topic.age then
  -- A little later than is needed, so that it is not moved with each message.
  topic.ends = now + math.floor(topic.age * 1.125)
  call('PEXPIREAT', topic.list, text(topic.ends))
  call('HSET', topic.meta, 'until', text(topic.ends))
end
if key ~= '' then call('SET', key, offset, 'PX', keyWindow) end
local head = topic.epoch .. ' ' .. offset .. ' ' .. after .. ' '
publish('n:t:' .. name, #data - 1 <= pushBytes and head .. data or head .. '-')
return { token, topic.tail + 1 }
`

/** `ARGV`: the topic, the position, and the limits of messages and bytes. */
const readAfter = `
local topic = use(ARGV[1])
clean(topic)
local length = call('LLEN', topic.list)
local lost = topic.tail - length
local from = math.max(tonumber(ARGV[2]) - lost, 0)
local most, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local messages, index, isFull = {}, from, false
local average = math.max(length > 0 and topic.bytes / length - overhead or 1, 1)
-- A range has no bound of bytes: it is read in parts of the size that is to be expected.
while index < length and not isFull do
  local part = math.max(math.min(math.floor(room / average), most - #messages, 512), 1)
  for _, element in ipairs(call('LRANGE', topic.list, index, index + part - 1)) do
    room = room - (#element - 7)
    if #messages > 0 and (#messages >= most or room < 0) then
      isFull = true
      break
    end
    messages[#messages + 1] = element
    index = index + 1
  end
end
return { token, topic.epoch, lost, topic.tail, lost + from + 1, messages }
`

/** `ARGV`: how many messages may follow the position (-1 for the end itself), then the topics. */
const tails = `
local last, reply = tonumber(ARGV[1]), { token }
for index = 2, #ARGV do
  local topic = use(ARGV[index])
  local offset = topic.tail
  if last >= 0 then
    clean(topic)
    offset = topic.tail - math.min(call('LLEN', topic.list), last)
  end
  reply[#reply + 1] = topic.epoch
  reply[#reply + 1] = offset
end
return reply
`

/** `ARGV`: the topics that a node watches, which are therefore kept. */
const touch = `
for _, name in ipairs(ARGV) do call('ZADD', base .. 't', 'XX', now, name) end
sweep(1000)
return { token }
`

export interface TopicScripts {
  readonly append: Script
  /** `append` with a key, which makes it idempotent. */
  readonly appendOnce: Script
  readonly readAfter: Script
  readonly tails: Script
  readonly touch: Script
}

export function topicScripts(settings: ScriptSettings): TopicScripts {
  const before = [prelude(settings), topics]
  const appendScript = scriptOf('append', [...before, append])
  return {
    append: appendScript,
    appendOnce: { ...appendScript, isRepeatable: true },
    readAfter: scriptOf('readAfter', [...before, readAfter], 'repeatable'),
    tails: scriptOf('tails', [...before, tails], 'repeatable'),
    touch: scriptOf('touch', [...before, touch], 'repeatable'),
  }
}
