import type { Call } from '../api/transport.ts'

/**
 * When the host is asked, in milliseconds after the request began that it holds, and at which part of the time for connecting at the
 * latest: a server that also holds the first is asked otherwise.
 */
const questions: readonly (readonly [method: string, afterMs: number, latestPart: number])[] = [
  ['HEAD', 2000, 1 / 2],
  ['GET', 2500, 5 / 8],
]

/** How long an answer shows that its host is there. */
const recentMs = 10_000

/**
 * Asks for the root of the host that holds a request, to tell a server that has nothing to say from a host that answers nobody.
 * Any status is an answer. The URL is a new one each time, so that no cache and no service worker answers in the host's place.
 *
 * @param answeredAt when the host last answered, as far as is known: where that was just now, it need not be asked
 * @param connectTimeoutMs how long the request may be held before it has failed: the host has to answer before that
 * @param onAnswer called once
 * @returns the way to stop
 */
export function askHost(
  { url, attempt, host, signal }: Call,
  answeredAt: number,
  connectTimeoutMs: number,
  onAnswer: () => void,
): () => void {
  const controller = new AbortController()
  const timers = questions.map(([method, afterMs, latestPart]) =>
    host.after(Math.min(afterMs, connectTimeoutMs * latestPart), () => ask(method)),
  )
  signal.addEventListener('abort', stop, { once: true })
  return stop

  function ask(method: string): void {
    const { signal } = controller
    if (host.now() - answeredAt < recentMs) {
      stop()
      onAnswer()
      return
    }
    // Not readable where the server sends no CORS headers, but seen to be there.
    host
      .fetch?.(`${url.origin}/?${attempt}`, { method, mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal })
      .then(() => {
        if (signal.aborted) return
        stop()
        onAnswer()
      })
      // A question that fails tells nothing: the request that is held will fail as well.
      .catch(() => {})
  }

  function stop(): void {
    for (const cancel of timers) cancel()
    signal.removeEventListener('abort', stop)
    controller.abort()
  }
}
