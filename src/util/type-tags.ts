/**
 * Returns the type of an object of any realm: `instanceof` fails for objects from an iframe, jsdom or the `vm` module.
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

/** Whether a value can be sent as it is. */
export function isSendable(value: unknown): boolean {
  return typeof value === 'string' || isBuffer(value) || ArrayBuffer.isView(value) || isBlob(value)
}

/** Returns the name of an error, since messages differ between browsers and may contain a URL. */
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
