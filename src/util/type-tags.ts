/**
 * The kind of an object, whichever realm it was made in: `instanceof` knows nothing of those of an iframe, of jsdom or of the `vm` module.
 */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

export function isBuffer(value: unknown): value is ArrayBuffer {
  return /^(Shared)?ArrayBuffer$/.test(tagOf(value))
}

export function isBlob(value: unknown): value is Blob {
  return /^(Blob|File)$/.test(tagOf(value))
}

/** The kind of an error: messages of browsers differ, and may carry an address. */
export function nameOf(error: unknown): string {
  return memberOf(error, 'name') ?? String(error)
}

export function messageOf(error: unknown): string {
  return memberOf(error, 'message') ?? String(error)
}

function memberOf(error: unknown, name: 'name' | 'message'): string | undefined {
  const value: unknown = typeof error === 'object' && error ? Reflect.get(error, name) : undefined
  return typeof value === 'string' ? value : undefined
}
