import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { live } from '../support/secret-life.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
/** A failure prints the seed, and `SEED=… FUZZ_RUNS=…` repeats it. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 500)
const timeout = 60_000 + numRuns * 150

/** Like tokens, passwords and ids: at least twelve letters and digits. */
const anySecret = fc.stringMatching(/^[A-Za-z\d]{12,40}$/).filter((text) => /[A-Za-z]/.test(text) && /\d/.test(text))
const anySecrets = fc.uniqueArray(anySecret, { minLength: 4, maxLength: 8 })

describe.each([
  ['in plain mode', false, ['http.', 'close.', 'client.unprepared', 'stream.', 'ws.', 'net.', 'policy.']],
  ['in a session', true, ['http.', 'close.', 'client.unprepared', 'stream.', 'ws.', 'net.', 'policy.', 'protocol-mismatch']],
] as const)('report() %s', (_, isSession, kinds) => {
  it('contains no secret, wherever it was used', { timeout }, async () => {
    const causes = new Set<string>()
    const property = fc.asyncProperty(fc.integer(), anySecrets, async (life, secrets) => {
      const { client, ids } = await live({ seed: life, isSession, secrets })
      const report = client.report()
      for (const { cause } of report.attempts) causes.add(cause ?? '')
      const told = JSON.stringify(report)
      const hidden = [...secrets, ...ids.filter((id) => id !== '')]
      expect(hidden.filter((secret) => told.includes(secret))).toEqual([])
    })
    await fc.assert(property, { seed, numRuns })
    // Without failures of every kind the reports would have little to show.
    if (numRuns >= 500) for (const kind of kinds) expect([...causes].some((cause) => cause.startsWith(kind)) || kind).toBe(true)
  })
})
