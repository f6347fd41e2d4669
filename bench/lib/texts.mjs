/** Texts that are all different, as those of users are: measurements with one repeated constant would not be representative. */
import { randomFrom } from './stats.mjs'

const letters = 'abcdefghijklmnopqrstuvwxyz     '
const random = randomFrom(7)
const noise = Array.from({ length: 4_096 }, () => letters[Math.floor(random() * letters.length)]).join('')

/**
 * @param {number} index
 * @param {number} bytes at most 3,000
 */
export function textOf(index, bytes) {
  const number = String(index)
  const from = (index * 37) % 1_000
  return `${number} ${noise.slice(from, from + bytes - number.length - 1)}`
}
