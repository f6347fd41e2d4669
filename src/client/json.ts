import type { Codec } from '../api/options.ts'

/** JSON both ways: `new RealtimeClient<News, Command>(url, { codec: json() })`. The types are a promise of the server's, not a check. */
export function json<In, Out>(): Codec<In, Out> & { encode(value: Out): string } {
  return {
    encode: (value) => JSON.stringify(value),
    decode: (payload) => JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)),
  }
}
