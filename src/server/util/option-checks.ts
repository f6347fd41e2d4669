import { unknownOption } from '../../util/suggest.ts'
import { isWellFormed } from '../../util/well-formed.ts'
import { kindOf } from './payload.ts'

/** @throws TypeError if the options of a method are not an object, or contain an unknown name */
export function mustBeOptions(method: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`RealtimeServer: ${method}() takes options as an object; it was ${kindOf(options)}.`)
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new TypeError(`RealtimeServer: ${method}(): ${unknownOption(unknown, known)}.`)
}

/** @throws TypeError for a name with lone surrogates: it has no UTF-8, so that a store could not tell it from others */
export function mustBeWellFormed(name: string, what: string): void {
  if (!isWellFormed(name))
    throw new TypeError(`RealtimeServer: ${what} must be well-formed Unicode; it has a lone surrogate, a half of a character.`)
}

/** The longest delay of Node's timers, in milliseconds: a longer one would fire at once. */
const maxTimeMs = 2 ** 31 - 1

/**
 * Checks an option that is a time, in milliseconds. `Infinity` means never.
 * @param whyNot why `Infinity` is not allowed, if it is not
 * @returns what is allowed, or `null` if the value is valid
 */
export function faultOfTime(value: number, whyNot?: string): string | null {
  if ((value >= 1 && value <= maxTimeMs) || (value === Infinity && whyNot === undefined)) return null
  const allowed = `a number of milliseconds from 1 to ${maxTimeMs.toLocaleString('en')}`
  if (whyNot === undefined) return `${allowed}, or Infinity for never`
  return value === Infinity ? `${allowed}: ${whyNot}` : allowed
}

/** The largest value of a count, and why it may not be `Infinity`. */
export interface CountRule {
  readonly most?: number
  readonly why?: string
}

/**
 * Checks an option that is a count, or a number of bytes. `Infinity` means no limit, unless there is a largest value.
 * @returns what is allowed, or `null` if the value is valid
 */
export function faultOfCount(value: number, { most, why }: CountRule = {}): string | null {
  const isWhole = Number.isSafeInteger(value) && value >= 1
  if (most === undefined) return isWhole || value === Infinity ? null : 'an integer from 1 up, or Infinity for no limit'
  if (isWhole && value <= most) return null
  return `an integer from 1 to ${most.toLocaleString('en')}${why !== undefined && value > most ? `: ${why}` : ''}`
}
