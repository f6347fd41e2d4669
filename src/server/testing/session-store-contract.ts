import { type ContractCase, type ContractOptions, casesOf, settled } from './contract-case.ts'
import { sessionCounts } from './session-counts.ts'
import { sessionLives } from './session-lives.ts'
import { sessionModel } from './session-model.ts'
import { sessionRecords } from './session-records.ts'
import { sessionStreams } from './session-streams.ts'
import { type OpenedSessionStore, sessionTrialOf } from './session-trial.ts'
import { sessionWatching } from './session-watching.ts'

/**
 * The contract of a `SessionStore` as test cases: `for (const { name, run } of sessionStoreContract(open)) it(name, run)`. Most
 * of them use fresh ids, and they may run one after the other on one engine; nothing else may use it at the same time, since the
 * sessions of all cases are counted.
 * @param open called for each case; the case closes the store that it returns
 * @throws TypeError for an invalid option; the message names it
 */
export function sessionStoreContract(
  open: () => Promise<OpenedSessionStore>,
  options: ContractOptions = {},
): readonly ContractCase[] {
  const settings = settled(options)
  const groups = { records: sessionRecords, 'counts and expiry': sessionCounts, 'private streams': sessionStreams }
  const more = { watching: sessionWatching, 'after a loss of the tail': sessionLives, random: sessionModel }
  return Object.entries({ ...groups, ...more }).flatMap(([subject, checks]) =>
    casesOf(`sessions, ${subject}`, checks, open, (store) => sessionTrialOf(store, settings)),
  )
}
