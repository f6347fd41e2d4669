import { getCurrentInstance, type InjectionKey, inject, provide } from 'vue'
import type { RealtimeOptions } from '../api/options.ts'
import type { RealtimeClient as CoreClient } from '../client/client.ts'
import { heldClient } from '../frameworks/owned-client.ts'
import { RealtimeClient } from '../index.ts'
import { whileMounted } from './while-mounted.ts'

/** The injection key of the client: `app.provide(realtimeKey, client)`. */
export const realtimeKey: InjectionKey<CoreClient<unknown, unknown>> = Symbol('steadfast')

/**
 * Provides a client to the components below, and returns it. A client that is created here, from a URL, connects once the
 * component is mounted, never during server rendering, and is closed with the component. The application's own client is neither
 * connected nor closed.
 * @param url the URL of the server, as for a `RealtimeClient`
 * @param options the options of a `RealtimeClient`
 * @throws Error outside of `setup`
 */
export function provideRealtime<In = unknown, Out = unknown>(client: CoreClient<In, Out>): CoreClient<In, Out>
export function provideRealtime<In = unknown, Out = unknown>(
  url: string | URL,
  options?: RealtimeOptions<In, Out>,
): CoreClient<In, Out>
export function provideRealtime(
  given: CoreClient<unknown, unknown> | string | URL,
  options: RealtimeOptions<unknown, unknown> = {},
): CoreClient<unknown, unknown> {
  if (!getCurrentInstance())
    throw new Error('provideRealtime(): call it in setup; elsewhere write app.provide(realtimeKey, client).')
  const isOurs = typeof given === 'string' || given instanceof URL
  const client = isOurs ? new RealtimeClient<unknown, unknown>(given, { ...options, autoConnect: false } as never) : given
  const { hold } = heldClient(client, isOurs, isOurs && options.autoConnect !== false)
  whileMounted(hold)
  provide(realtimeKey, client)
  provided.set(getCurrentInstance() as object, client)
  return client
}

/** The client that a component itself has provided, which `inject()` does not find in that component. */
const provided = new WeakMap<object, CoreClient<unknown, unknown>>()

/**
 * Returns the provided client.
 * @throws Error if there is none
 */
export function useRealtime<In = unknown, Out = unknown, Topics = object>(): CoreClient<In, Out, Topics> {
  const client = provided.get(getCurrentInstance() ?? {}) ?? inject(realtimeKey, null)
  if (!client) throw new Error('useRealtime(): no client is provided; call provideRealtime() in a component above.')
  return client as CoreClient<In, Out, Topics>
}
