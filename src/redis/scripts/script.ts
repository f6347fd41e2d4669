import { createHash } from 'node:crypto'

/** A Lua script, which Redis runs whole and alone. */
export interface Script {
  readonly name: string
  readonly text: string
  readonly sha: string
  /** Whether running it twice does no more than running it once, so that it may be sent again after a connection has broken. */
  readonly isRepeatable: boolean
}

/** What the scripts of one store have built in, so that it is not sent with each call. */
export interface ScriptSettings {
  readonly maxBytesPerStream: number
  readonly maxMessagesPerStream: number
  readonly maxAgeMs: number
  /** Of one bucket. */
  readonly maxTopics: number
  readonly pushBytes: number
  readonly trustRestarts: boolean
  /** Whether it is a cluster, where a channel belongs to a slot as a key does. */
  readonly isCluster: boolean
}

export function scriptOf(name: string, parts: readonly string[], kind: 'repeatable' | 'once' = 'once'): Script {
  const text = parts.join('\n')
  return { name, text, sha: createHash('sha1').update(text).digest('hex'), isRepeatable: kind === 'repeatable' }
}

/** What a kept message costs beside its own bytes, as in `memoryStore`. */
export const overheadBytes = 64

/** The least recently used topics are told apart by their last use, which is noted no more often than this. */
const topicUseMs = 1000

/** How long a key of `append()` is remembered. */
const keyWindowMs = 150_000

/** After how long without use a topic that holds no message is discarded. Nodes use the topics that they watch more often than that. */
export const topicIdleMs = 3_600_000

function numeral(value: number): string {
  return String(Math.min(value, Number.MAX_SAFE_INTEGER))
}

/**
 * The beginning of every script. `KEYS[1]` is the hash of the bucket: its life, and what is counted in it. All other keys have the same hash
 * tag, so that they are on the same server.
 *
 * A life ends when the server is another one than before, or has been started again: either changes its replication id. Whatever comes first
 * then begins a new life, before it does anything else. Every reply begins with the token of the life.
 */
export function prelude(settings: ScriptSettings): string {
  return `
local maxBytes, maxMessages, maxAge = ${numeral(settings.maxBytesPerStream)}, ${numeral(settings.maxMessagesPerStream)}, ${numeral(settings.maxAgeMs)}
local maxTopics, pushBytes, overhead = ${numeral(settings.maxTopics)}, ${numeral(settings.pushBytes)}, ${overheadBytes}
local keyWindow, topicIdle, topicUse, endless = ${keyWindowMs}, ${topicIdleMs}, ${topicUseMs}, 4503599627370496
local call = redis.call
local bucket = KEYS[1]
local base = string.sub(bucket, 1, -2)
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = call('HMGET', bucket, 'life', 'token', 'replid', 'high')
local life, token, high = known[1], known[2], tonumber(known[4]) or 0

local function text(number)
  return string.format('%.0f', number)
end

-- Above all that was given out, however many lives were lost: each of them adds, and so does the clock.
local function raised(offset)
  return math.max(offset + 1048576, (now - 1577836800000) * 64)
end

local function publish(channel, message)
  call('${settings.isCluster ? 'SPUBLISH' : 'PUBLISH'}', base .. channel, message)
end

-- Nearly always it is the same server: that is found out without copying a piece of the text.
if not life${settings.trustRestarts ? '' : " or not string.find(call('INFO', 'replication'), 'master_replid:' .. known[3], 1, true)"} then
  local replid = string.match(call('INFO', 'replication'), 'master_replid:(%x+)') or 'none'
  if replid ~= known[3] then
    if life then
      call('SADD', base .. 'o', life)
      high = raised(high)
    end
    -- Versions have 40 bits for the writes of a life and 13 for the life. Where they begin is chance, in case a life is lost itself.
    life = text((tonumber(life) or 0) % 8191 + 1)
    local dice = redis.sha1hex(replid .. ' ' .. clock[1] .. ' ' .. clock[2])
    token = string.sub(dice, 1, 12)
    local versions = tonumber(string.sub(dice, 13, 21), 16)
    call('HSET', bucket, 'life', life, 'token', token, 'replid', replid, 'versions', text(versions), 'sessions', '0', 'high', text(high))
  end
end
`
}
