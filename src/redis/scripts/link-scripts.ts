import { prelude, type Script, type ScriptSettings, scriptOf } from './script.ts'

const policy = `
local policy = string.match(call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or 'unknown'
`

/** `ARGV`: an id for the store, used if it has none. Also returns the server's eviction policy. */
const hello = `
-- A change is announced last: a user who may not publish would make it, and be told that it had failed.
local answer = redis.pcall(publishing, base .. 'n:hello', '')
if type(answer) == 'table' then return redis.error_reply('NOPERM ' .. publishing .. ' ' .. base .. 'n:hello: ' .. answer.err) end
-- A Redis whose memory is full refuses HSETNX even if there is nothing to set.
if ARGV[1] ~= '' and call('HEXISTS', bucket, 'id') == 0 then call('HSET', bucket, 'id', ARGV[1]) end
return { token, text(now), call('HGET', bucket, 'id') or '', policy }
`

/** `ARGV`: the node's own channel, and the message to publish there. The eviction policy may change at any time. */
const beat = `
publish(ARGV[1], ARGV[2])
return { token, text(now), policy }
`

export interface LinkScripts {
  readonly hello: Script
  readonly beat: Script
}

export function linkScripts(settings: ScriptSettings): LinkScripts {
  const before = prelude(settings)
  return {
    hello: scriptOf('hello', [before, policy, hello], 'repeatable'),
    beat: scriptOf('beat', [before, policy, beat], 'repeatable'),
  }
}
