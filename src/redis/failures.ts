/** What a client's error means for a call. */
export type Failure =
  /** Redis does not have the script. */
  | 'unknown-script'
  /** Nothing was done; another server may do it, or this one later. */
  | 'elsewhere'
  /** Nothing was done: in a cluster the keys are being moved to another server. */
  | 'moving'
  /** Nothing was sent. */
  | 'unsent'
  /** The connection broke: the script may have run or not. */
  | 'unknown'
  /** Redis refused the call. */
  | 'refused'

export function failureOf(error: unknown): Failure {
  const message = messageOf(error)
  if (/NOSCRIPT/.test(message)) return 'unknown-script'
  // A replica, a server that is still loading its file, a cluster without a master for the slot.
  if (/^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)\b|READONLY You can't write/.test(message)) return 'elsewhere'
  // The script has found a part of its keys gone: each begins with one that it only reads.
  if (/attempted to access a non local key/.test(message)) return 'moving'
  if (/enableOfflineQueue|The client is offline|ClientOffline/i.test(message)) return 'unsent'
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return 'unknown'
  return /^[A-Z]{3,} |\bscript:/.test(message) ? 'refused' : 'unknown'
}

/** The error for the caller: what failed, and the remedy if there is a known one. */
export function errorOf(error: unknown, script: string): Error {
  const message = messageOf(error)
  const hint = /OOM command not allowed/.test(message)
    ? ' Redis has used all of its `maxmemory`: give it more, or lower maxBytesPerStream, maxAgeMs or maxTopics.'
    : ''
  return new Error(`redisStore: ${script} failed: ${message}.${hint}`, { cause: error })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
