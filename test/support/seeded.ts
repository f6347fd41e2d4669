/** A small deterministic generator (mulberry32), so that a run can be repeated with its printed seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of a random test: `SEED` in the environment repeats a run that failed. */
export function seedOf(environment: NodeJS.ProcessEnv): number {
  return Number(environment['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
}
