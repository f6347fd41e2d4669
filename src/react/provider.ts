import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect } from 'react'
import type { PrepareAttempt, RealtimeOptions } from '../api/options.ts'
import type { RealtimeClient as CoreClient } from '../client/client.ts'
import { type HeldClient, heldClient } from '../frameworks/owned-client.ts'
import { RealtimeClient } from '../index.ts'
import { useHeld, useLatest } from './held.ts'

const Context = /* @__PURE__ */ createContext<CoreClient<unknown, unknown> | null>(null)

/** A client that the application creates and closes; or a URL, for one that is created here and closed with the component. */
export type RealtimeProviderProps<In = unknown, Out = unknown> = { readonly children?: ReactNode } & (
  | { readonly client: CoreClient<In, Out>; readonly url?: undefined; readonly options?: undefined }
  | {
      readonly client?: undefined
      /** The URL of the server, as for a `RealtimeClient`. Another URL creates another client. */
      readonly url: string | URL
      /** The options of a `RealtimeClient`, read once, except that the newest `prepare` is called. A new `key` starts over. */
      readonly options?: RealtimeOptions<In, Out> | undefined
    }
)

/**
 * Provides the client to all components below. A client that is created here dials once the component is mounted, and never
 * during server rendering; messages sent before that are queued.
 *
 * @example
 * <RealtimeProvider url="/realtime" options={{ protocol: session() }}>
 *   <Chat />
 * </RealtimeProvider>
 * @throws TypeError if there is neither a client nor a URL
 */
export function RealtimeProvider<In = unknown, Out = unknown>(props: RealtimeProviderProps<In, Out>): ReactElement {
  const { client, url, options, children } = props
  const latest = useLatest(options)
  const { client: provided, hold } = useHeld<HeldClient>([client, String(url)], () => {
    if (client) return heldClient(client, false)
    if (url === undefined) throw new TypeError('<RealtimeProvider>: there is no client and no url.')
    const { prepare, autoConnect = true } = options ?? {}
    const own = {
      ...options,
      autoConnect: false,
      // The function is that of the newest render, with the values it closes over.
      ...(prepare && { prepare: (attempt: PrepareAttempt) => (latest.current?.prepare ?? prepare)(attempt) }),
    }
    return heldClient(new RealtimeClient<unknown, unknown>(url, own as never), true, autoConnect)
  })
  useEffect(hold, [hold])
  return createElement(Context.Provider, { value: provided }, children)
}

/**
 * Returns the client of the nearest `<RealtimeProvider>`, from the first render.
 * @throws Error if there is none
 */
export function useRealtime<In = unknown, Out = unknown, Topics = object>(): CoreClient<In, Out, Topics> {
  const client = useContext(Context)
  if (!client) throw new Error('useRealtime(): there is no <RealtimeProvider> above.')
  return client as CoreClient<In, Out, Topics>
}
