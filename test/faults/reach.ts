import type { EngineName } from '../support/engines.ts'
import type { Deployment, Mode } from './fault.ts'

/** What the client must find out of the faults of one deployment, at least. */
export interface Reach {
  /** Shares, from 0 to 1. */
  readonly parent: number
  readonly exact: number
  /** How many may be wrong. */
  readonly wrong: number
}

type Engines = Readonly<Record<EngineName, Reach>>

function reach(parent: number, exact: number, wrong: number): Reach {
  return { parent, exact, wrong }
}

const plain: Readonly<Record<Exclude<Deployment, 'boxes'>, Engines>> = {
  // Where a WebSocket fails, a box that answers without CORS headers looks like a server that sends none.
  // How many are exact depends there on the time that a round trip takes.
  cors: { chromium: reach(0.92, 0.6, 0), firefox: reach(0.9, 0.53, 0), webkit: reach(0.89, 0.46, 0) },
  'same-origin': { chromium: reach(0.96, 0.38, 1), firefox: reach(0.96, 0.38, 0), webkit: reach(0.96, 0.38, 0) },
  'no-cors': { chromium: reach(0.65, 0.15, 1), firefox: reach(0.65, 0.13, 0), webkit: reach(0.65, 0.15, 0) },
}

const session: Readonly<Record<'cors' | 'boxes', Engines>> = {
  cors: { chromium: reach(0.97, 0.77, 1), firefox: reach(0.97, 0.7, 0), webkit: reach(0.96, 0.8, 0) },
  boxes: { chromium: reach(0.98, 0.75, 1), firefox: reach(0.98, 0.8, 0), webkit: reach(0.98, 0.82, 0) },
}

/** Of all faults of a deployment, in one engine. Nothing may be told as certain that is not true. */
export function reachOf(engine: EngineName, deployment: Deployment, mode: Mode): Reach {
  const engines =
    mode === 'plain' && deployment !== 'boxes' ? plain[deployment] : session[deployment === 'boxes' ? 'boxes' : 'cors']
  return engines[engine]
}

/** Of the chosen ones: each at least by its parent. */
export const reachOfChosen: Reach = reach(1, 0, 0)
