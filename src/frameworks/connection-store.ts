import { timers } from '../host/timers.ts'
import { type ConnectionView, type Trace, traced, untraced, viewAt } from './connection-view.ts'
import { type AnyClient, isAlike, type Store, shared } from './store.ts'

/** How long a loss lasts before it is shown, in milliseconds. */
const defaultDelayMs = 2000

/** One trace per client, so that a component that mounts later also knows since when a connection is lost. */
const traces = new WeakMap<object, Store<Trace>>()

/** The trace of this client. It is kept up to date for as long as it has a subscriber. */
export function traceOf(client: AnyClient): Store<Trace> {
  let store = traces.get(client)
  if (!store) {
    let trace = untraced
    const get = () => {
      if (trace.state !== client.state) trace = traced(trace, client.state, timers.now())
      return trace
    }
    store = {
      get,
      initial: () => untraced,
      subscribe: shared((changed) =>
        client.on('state', () => {
          get()
          changed()
        }),
      ),
    }
    traces.set(client, store)
  }
  return store
}

/**
 * What a page shows its user about the connection of this client: a loss only once it has lasted for `delayMs`, with a countdown
 * that ticks once a second.
 * @throws TypeError for a delay that is not a number, or below 0
 */
export function connectionStore(client: AnyClient, delayMs = defaultDelayMs): Store<ConnectionView> {
  if (!(delayMs >= 0)) throw new TypeError(`useConnection(): delayMs must be at least 0; it was ${delayMs}.`)
  const trace = traceOf(client)
  const first = viewAt(untraced, delayMs, 0).view
  let view = first
  const look = () => {
    const { view: seen, until } = viewAt(trace.get(), delayMs, timers.now())
    if (!isAlike(view, seen)) view = seen
    return until
  }
  return {
    get() {
      look()
      return view
    },
    initial: () => first,
    subscribe: shared((changed) => {
      let cancel = () => {}
      const wait = () => {
        cancel()
        const until = look()
        cancel = until === null ? () => {} : timers.after(Math.max(1, until - timers.now()), update)
      }
      const update = () => {
        wait()
        changed()
      }
      const stop = trace.subscribe(update)
      wait()
      return () => {
        stop()
        cancel()
      }
    }),
  }
}
