import type { Codec } from '../api/options.ts'

/**
 * Returns a JSON codec: `new RealtimeClient<News, Command>(url, { codec: json() })`. Received values are not checked.
 * Its `encode()` throws a `TypeError` for a value that JSON has no text for, such as `undefined` or a function.
 */
export function json<In, Out>(): Codec<In, Out> & { encode(value: Out): string } {
  return {
    encode(value) {
      const text: string | undefined = JSON.stringify(value)
      if (text) return text
      throw new TypeError(`json(): ${typeof value} cannot be sent; null can.`)
    },
    decode: (payload) => JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)),
  }
}
