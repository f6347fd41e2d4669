import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect } from 'react'
import type { PrepareAttempt, RealtimeOptions } from '../api/options.ts'
import type { RealtimeClient as CoreClient } from '../client/client.ts'
import { type HeldClient, heldClient } from '../frameworks/owned-client.ts'
import { RealtimeClient } from '../index.ts'
import { useHeld, useLatest } from './held.ts'

const Context = /* @__PURE__ */ createContext<CoreClient<unknown, unknown> | null>(null)

/** A client that the application has made and closes; or a URL, for one that is made here and closed with the component. */
export type RealtimeProviderProps<In = unknown, Out = unknown> = { readonly children?: ReactNode } & (
  | { readonly client: CoreClient<In, Out>; readonly url?: undefined; readonly options?: undefined }
  | {
      readonly client?: undefined
      /** Where the server is, as for a `RealtimeClient`. Another one is another client. */
      readonly url: string | URL
      /** As for a `RealtimeClient`, read once; of `prepare` always the newest is called. With another `key` everything begins anew. */
      readonly options?: RealtimeOptions<In, Out> | undefined
    }
)

/**
 * Gives the client to all components below. One that is made here dials once it is mounted, and never on a server; what is sent before
 * waits for the connection.
 *
 * @example
 * <RealtimeProvider url="/realtime" options={{ protocol: session() }}>
 *   <Chat />
 * </RealtimeProvider>
 * @throws TypeError where there is neither a client nor a URL
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
      // What it closes over is to be that of the newest render.
      ...(prepare && { prepare: (attempt: PrepareAttempt) => (latest.current?.prepare ?? prepare)(attempt) }),
    }
    return heldClient(new RealtimeClient<unknown, unknown>(url, own as never), true, autoConnect)
  })
  useEffect(hold, [hold])
  return createElement(Context.Provider, { value: provided }, children)
}

/**
 * The client of the nearest `<RealtimeProvider>`, from the first render.
 * @throws Error where there is none
 */
export function useRealtime<In = unknown, Out = unknown, Topics = object>(): CoreClient<In, Out, Topics> {
  const client = useContext(Context)
  if (!client) throw new Error('useRealtime(): there is no <RealtimeProvider> above.')
  return client as CoreClient<In, Out, Topics>
}
