import { quoted } from '../util/quoted.ts'
import { faultOfCount, faultOfTime } from './util/option-checks.ts'
import { kindOf } from './util/payload.ts'
import { isThenable } from './util/thenable.ts'

/** How much of a topic the store keeps. */
export interface TopicKeep {
  /** The number of newest messages. @defaultValue as many as the store keeps */
  readonly messages?: number | undefined
  /** The age up to which a message is kept, in milliseconds. @defaultValue as long as the store keeps it */
  readonly ageMs?: number | undefined
}

/** Normalizes the option `keep` to a function. @throws TypeError for an invalid value, at once unless it is a function */
export function topicKeepOf(keep: unknown = {}): (topic: string) => TopicKeep {
  if (typeof keep === 'function') return (topic) => checked(`keep(${quoted(topic)})`, keep(topic) ?? {})
  const fixed = checked('keep', keep)
  return () => fixed
}

function checked(name: string, keep: unknown): TopicKeep {
  if (isThenable(keep)) {
    // Its rejection would end the process.
    Promise.resolve(keep).catch(() => {})
    fail(name, 'a promise', 'an object of messages and ageMs, returned at once')
  }
  if (typeof keep !== 'object' || keep === null || Array.isArray(keep))
    return fail(name, kindOf(keep), 'an object of messages and ageMs')
  const { messages, ageMs, ...rest } = keep as Record<string, unknown>
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) return fail(`${name}.${unknown}`, kindOf(rest[unknown]), 'left out; there are messages and ageMs')
  return {
    messages: messages === undefined ? undefined : numberOf(`${name}.messages`, messages, faultOfCount),
    ageMs: ageMs === undefined ? undefined : numberOf(`${name}.ageMs`, ageMs, faultOfTime),
  }
}

function numberOf(name: string, value: unknown, faultOf: (value: number) => string | null): number {
  if (typeof value !== 'number') return fail(name, kindOf(value), 'a number')
  const fault = faultOf(value)
  return fault === null ? value : fail(name, String(value), fault)
}

function fail(name: string, was: string, allowed: string): never {
  throw new TypeError(`RealtimeServer: ${name} must be ${allowed}; it was ${was}.`)
}
