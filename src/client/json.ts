import type { Codec } from '../api/options.ts'

/** Returns a JSON codec: `new RealtimeClient<News, Command>(url, { codec: json() })`. Received values are not checked. */
export function json<In, Out>(): Codec<In, Out> & { encode(value: Out): string } {
  return {
    encode: (value) => JSON.stringify(value),
    decode: (payload) => JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)),
  }
}
