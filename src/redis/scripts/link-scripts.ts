import { prelude, type Script, type ScriptSettings, scriptOf } from './script.ts'

/** `ARGV`: an id for the store, used if it has none. Also returns the server's eviction policy. */
const hello = `
-- A Redis whose memory is full refuses HSETNX even if there is nothing to set.
if ARGV[1] ~= '' and call('HEXISTS', bucket, 'id') == 0 then call('HSET', bucket, 'id', ARGV[1]) end
local policy = string.match(call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or 'unknown'
return { token, text(now), call('HGET', bucket, 'id') or '', policy }
`

/** `ARGV`: the node's own channel, and the message to publish there. */
const beat = `
publish(ARGV[1], ARGV[2])
return { token, text(now) }
`

export interface LinkScripts {
  readonly hello: Script
  readonly beat: Script
}

export function linkScripts(settings: ScriptSettings): LinkScripts {
  const before = prelude(settings)
  return { hello: scriptOf('hello', [before, hello], 'repeatable'), beat: scriptOf('beat', [before, beat], 'repeatable') }
}
