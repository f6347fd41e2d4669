import { getCurrentInstance, type InjectionKey, inject, provide } from 'vue'
import type { RealtimeOptions } from '../api/options.ts'
import type { RealtimeClient as CoreClient } from '../client/client.ts'
import { heldClient } from '../frameworks/owned-client.ts'
import { RealtimeClient } from '../index.ts'
import { whileMounted } from './while-mounted.ts'

/** Under this key a client is provided: `app.provide(realtimeKey, client)`. */
export const realtimeKey: InjectionKey<CoreClient<unknown, unknown>> = Symbol('steadfast')

/**
 * Provides a client to the components below, and returns it. One that is made here, from a URL, connects once the component is mounted,
 * and never on a server; it is closed with the component. One of the application's own is left as it is.
 * @param url where the server is, as for a `RealtimeClient`
 * @param options as for a `RealtimeClient`
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

/** What a component itself has provided, which `inject()` does not find there. */
const provided = new WeakMap<object, CoreClient<unknown, unknown>>()

/**
 * The client that was provided.
 * @throws Error where there is none
 */
export function useRealtime<In = unknown, Out = unknown, Topics = object>(): CoreClient<In, Out, Topics> {
  const client = provided.get(getCurrentInstance() ?? {}) ?? inject(realtimeKey, null)
  if (!client) throw new Error('useRealtime(): no client is provided; call provideRealtime() in a component above.')
  return client as CoreClient<In, Out, Topics>
}
