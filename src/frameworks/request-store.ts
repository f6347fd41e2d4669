import type { RequestOptions } from '../api/calls.ts'
import { type AnyClient, type Store, shared } from './store.ts'

/** The state of the last request. */
export interface RequestView<Reply = unknown> {
  /** The last reply; `undefined` before the first. It stays while another request is pending. */
  readonly data: Reply | undefined
  /** Why the last request failed; `null` if it succeeded, is pending or was aborted. */
  readonly error: Error | null
  readonly isPending: boolean
}

export interface RequestStore extends Store<RequestView> {
  request(data: unknown, options?: RequestOptions): Promise<unknown>
  /** Aborts all pending requests, and clears the last reply and error. */
  reset(): void
}

const none: RequestView = { data: undefined, error: null, isPending: false }

/** The requests of one component; those pending are aborted once the store has no subscriber. */
export function requestStore(client: AnyClient): RequestStore {
  const underWay = new Set<AbortController>()
  let view = none
  let latest: AbortController | null = null
  let notify = () => {}
  const show = (next: RequestView) => {
    view = next
    notify()
  }
  const abortAll = () => {
    for (const each of underWay) each.abort()
  }

  async function call(data: unknown, { signal, ...options }: RequestOptions): Promise<unknown> {
    const controller = new AbortController()
    const abort = () => controller.abort(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    underWay.add(controller)
    latest = controller
    show({ ...view, error: null, isPending: true })
    try {
      const reply = await client.request(data, { ...options, signal: controller.signal })
      if (latest === controller) show({ data: reply, error: null, isPending: false })
      return reply
    } catch (error) {
      if (latest === controller) show({ ...view, error: controller.signal.aborted ? null : (error as Error), isPending: false })
      throw error
    } finally {
      underWay.delete(controller)
      signal?.removeEventListener('abort', abort)
    }
  }

  return {
    get: () => view,
    initial: () => none,
    subscribe: shared((changed) => {
      notify = changed
      return () => {
        notify = () => {}
        abortAll()
      }
    }),
    request(data, options = {}) {
      const reply = call(data, options)
      // A component that shows `error` need not handle the promise as well.
      reply.catch(() => {})
      return reply
    },
    reset() {
      latest = null
      abortAll()
      show(none)
    },
  }
}
