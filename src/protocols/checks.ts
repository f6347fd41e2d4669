import { unknownOption } from '../util/suggest.ts'

/** Whether a setting is valid, and what is allowed, as the end of a sentence. */
export type Check = readonly [isSound: (value: unknown) => boolean, allowed: string]

/** @throws TypeError that names the protocol and its setting, its value, and what is allowed */
export function checkSettings(protocol: string, settings: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isRecord(settings)) throw new TypeError(`${protocol} takes an object of settings; it was given ${shown(settings)}.`)
  const known = new Map(Object.entries(checks))
  for (const [name, value] of Object.entries(settings)) {
    const check = known.get(name)
    if (!check) throw new TypeError(`${protocol}: ${unknownOption(name, [...known.keys()], '')}; it was ${shown(value)}.`)
    const [isSound, allowed] = check
    if (value !== undefined && !isSound(value))
      throw new TypeError(`${protocol}: ${name} must be ${allowed}; it was ${shown(value)}.`)
  }
}

/** An object of names and values, not an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** A list of strings with at least one item. */
export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? 'a list of something else' : `of type ${typeof value}`
}
