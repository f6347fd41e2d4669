import type { Call } from '../api/transport.ts'

/**
 * When to send each request to the host: after so many milliseconds of the held request, or earlier, at that fraction of the
 * connect timeout. The second one uses another method, for a server that also holds the first.
 */
const questions: readonly (readonly [method: string, afterMs: number, latestPart: number])[] = [
  ['HEAD', 2000, 1 / 2],
  ['GET', 2500, 5 / 8],
]

/** How long a response counts as proof that the host is up, in milliseconds. */
const recentMs = 10_000

/**
 * Requests the root of a host that holds a request, to tell a server without news from a host that does not answer at all.
 * Any status is an answer. The URL is unique, so that no cache answers in the host's place.
 *
 * @param answeredAt when the host last answered: if that is recent, no request is made
 * @param connectTimeoutMs when the held request fails: the host has to answer before that
 * @param onAnswer called once, when the host is known to be up
 * @param onSilence called once, after `connectTimeoutMs` without an answer
 * @returns a function that cancels the requests
 */
export function askHost(
  { url, attempt, host, signal }: Call,
  answeredAt: number,
  connectTimeoutMs: number,
  onAnswer: () => void,
  onSilence = () => {},
): () => void {
  const controller = new AbortController()
  const timers = questions.map(([method, afterMs, latestPart]) =>
    host.after(Math.min(afterMs, connectTimeoutMs * latestPart), () => ask(method)),
  )
  timers.push(host.after(connectTimeoutMs, onSilence))
  signal.addEventListener('abort', stop, { once: true })
  return stop

  /** In no-cors mode any response shows that the host answers, but it may have a policy against being embedded. */
  function ask(method: string, mode: RequestMode = 'no-cors'): void {
    const { signal } = controller
    // The cache of a service worker ignores the query, perhaps, and it has no answers to HEAD.
    if (method === 'GET' && host.isControlled?.()) return
    if (host.now() - answeredAt < recentMs) {
      stop()
      onAnswer()
      return
    }
    host
      .fetch?.(`${url.origin}/?${attempt}`, { method, mode, credentials: 'omit', cache: 'no-store', signal })
      .then(() => {
        if (signal.aborted) return
        stop()
        onAnswer()
      })
      // Any other failure is ignored: the held request will fail as well.
      .catch(() => {
        if (mode === 'no-cors' && !signal.aborted) ask(method, 'cors')
      })
  }

  function stop(): void {
    for (const cancel of timers) cancel()
    signal.removeEventListener('abort', stop)
    controller.abort()
  }
}
