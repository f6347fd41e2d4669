import { randomInt, randomUUID } from 'node:crypto'

/** The choices of a random case; the same for the same seed. */
export interface Random {
  /** An integer from 0 up to, but not including, this one. */
  below(limit: number): number
  pick<Item>(items: readonly Item[]): Item
}

/** A small generator (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
  }
}

/** @throws TypeError for an invalid seed */
export function seedOf(given: number | undefined): number {
  if (given === undefined) return randomInt(2 ** 32)
  if (Number.isInteger(given) && given >= 0 && given < 2 ** 32) return given
  throw new TypeError(`The option \`seed\` must be an integer from 0 to 4,294,967,295; it was ${given}.`)
}

/** A name that no case has used before, since a store may keep the data of other cases and runs. */
export function freshName(kind: string): string {
  return `${kind} ${randomUUID()}`
}

/** Runs a random check; its error message contains the seed. */
export async function withSeed(seed: number, check: (random: Random) => Promise<void>): Promise<void> {
  try {
    await check(randomOf(seed))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`With the option { seed: ${seed} }: ${message}`, { cause: error })
  }
}
