/** What no timer of Node's can wait for: it would fire at once. */
const maxTimeMs = 2 ** 31 - 1

/** Why an option that is a time may not be `Infinity`. */
export interface TimeRule {
  readonly never?: string
}

/**
 * Checks an option that is a time, in milliseconds. `Infinity` means never, unless there is a reason why it may not.
 * @returns what it may be, or `null` where it is that
 */
export function faultOfTime(value: number, { never }: TimeRule = {}): string | null {
  if ((value >= 1 && value <= maxTimeMs) || (value === Infinity && never === undefined)) return null
  const allowed = `a number of milliseconds from 1 to ${maxTimeMs.toLocaleString('en')}`
  if (never === undefined) return `${allowed}, or Infinity for never`
  return value === Infinity ? `${allowed}: ${never}` : allowed
}

/** Why a count may not be `Infinity`, and the largest that it may be. */
export interface CountRule {
  readonly most?: number
  readonly why?: string
}

/**
 * Checks an option that counts something, or bytes. `Infinity` means no limit, unless there is a largest.
 * @returns what it may be, or `null` where it is that
 */
export function faultOfCount(value: number, { most, why }: CountRule = {}): string | null {
  const isWhole = Number.isSafeInteger(value) && value >= 1
  if (most === undefined) return isWhole || value === Infinity ? null : 'an integer from 1 up, or Infinity for no limit'
  if (isWhole && value <= most) return null
  return `an integer from 1 to ${most.toLocaleString('en')}${why !== undefined && value > most ? `: ${why}` : ''}`
}
