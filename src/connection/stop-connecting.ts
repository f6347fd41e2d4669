const name = 'StopConnecting'

/**
 * What `prepare()` throws to end the client for good: the application knows that connecting has no point, because the user has to log in
 * again. The client closes with the cause `client.stopped`, whose message holds the one given here, until `connect()`.
 *
 * @example
 * prepare: async () => {
 *   const response = await fetch('/token')
 *   if (response.status === 401) throw new StopConnecting('log in again')
 *   return { query: { token: await response.text() } }
 * }
 */
export class StopConnecting extends Error {
  override readonly name = name
}

/** Told by its name, since the application may have thrown that of another bundle or realm. */
export function isStopConnecting(error: unknown): error is Error {
  return error !== null && typeof error === 'object' && 'name' in error && error.name === name
}
