import type { EngineName } from '../support/engines.ts'
import type { Deployment, Mode } from './fault.ts'

/** The minimum that the client must diagnose of the faults of one deployment. */
export interface Reach {
  /** Shares, from 0 to 1. */
  readonly parent: number
  readonly exact: number
  /** How many diagnoses may be wrong. */
  readonly wrong: number
}

type Engines = Readonly<Record<EngineName, Reach>>

function reach(parent: number, exact: number, wrong: number): Reach {
  return { parent, exact, wrong }
}

const plain: Readonly<Record<Exclude<Deployment, 'boxes'>, Engines>> = {
  // When a WebSocket fails, a box that answers without CORS headers looks like a server that sends none. The share of exact
  // diagnoses then depends on the round-trip time, and on whether the next attempt opens before a question is asked.
  cors: { chromium: reach(0.92, 0.6, 0), firefox: reach(0.9, 0.53, 0), webkit: reach(0.89, 0.44, 0) },
  'same-origin': { chromium: reach(0.96, 0.38, 1), firefox: reach(0.96, 0.38, 0), webkit: reach(0.96, 0.38, 0) },
  'no-cors': { chromium: reach(0.65, 0.15, 1), firefox: reach(0.65, 0.13, 0), webkit: reach(0.65, 0.15, 0) },
}

const session: Readonly<Record<'cors' | 'boxes', Engines>> = {
  cors: { chromium: reach(0.97, 0.77, 1), firefox: reach(0.97, 0.7, 0), webkit: reach(0.96, 0.8, 0) },
  boxes: { chromium: reach(0.98, 0.75, 1), firefox: reach(0.98, 0.8, 0), webkit: reach(0.98, 0.82, 0) },
}

/** The minimum over all faults of a deployment in one engine. No wrong diagnosis may be certain. */
export function reachOf(engine: EngineName, deployment: Deployment, mode: Mode): Reach {
  const engines =
    mode === 'plain' && deployment !== 'boxes' ? plain[deployment] : session[deployment === 'boxes' ? 'boxes' : 'cors']
  return engines[engine]
}

/** The minimum over the chosen faults: at least the family of each. */
export const reachOfChosen: Reach = reach(1, 0, 0)
