const name = 'StopConnecting'

/**
 * The error that `prepare()` throws to close the client, because no retry can succeed: the user has to log in again, say. The
 * client closes with the cause `client.stopped`, whose message contains this error's, and stays closed until `connect()`.
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

/** Compares the name, since the error may come from another bundle or realm, where `instanceof` fails. */
export function isStopConnecting(error: unknown): error is Error {
  return error !== null && typeof error === 'object' && 'name' in error && error.name === name
}
