import { createHash } from 'node:crypto'

/** A Lua script, which Redis runs atomically. */
export interface Script {
  readonly name: string
  readonly text: string
  readonly sha: string
  /** Whether the script is idempotent, so that it may be sent again after a connection has broken. */
  readonly isRepeatable: boolean
}

/** The settings that are built into a store's scripts, so that they are not sent with each call. */
export interface ScriptSettings {
  readonly maxBytesPerStream: number
  readonly maxMessagesPerStream: number
  readonly maxAgeMs: number
  /** The limit of one bucket. */
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

/** The overhead of a message besides its own bytes, as in `memoryStore`. */
export const overheadBytes = 64

/** The resolution of a topic's last use, in milliseconds, by which the least recently used topics are found. */
const topicUseMs = 1000

/** How long a key of `append()` is kept, in milliseconds. */
const keyWindowMs = 150_000

/** How long an unused topic without messages is kept, in milliseconds. Nodes touch the topics that they watch more often. */
export const topicIdleMs = 3_600_000

function numeral(value: number): string {
  return String(Math.min(value, Number.MAX_SAFE_INTEGER))
}

/**
 * The beginning of every script. `KEYS[1]` is the hash of the bucket: its life, and the counts in it. All other keys have the
 * same hash tag, so that they are on the same server.
 *
 * A life ends when the server is replaced by another one, or restarted: either changes its replication id. The next script then
 * begins a new life, before it does anything else. Every reply begins with the token of the life.
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

local publishing = '${settings.isCluster ? 'SPUBLISH' : 'PUBLISH'}'
local function publish(channel, message)
  call(publishing, base .. channel, message)
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
