import { describe, expect, it } from 'vitest'
import { type Codec, json, RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { createFakeServer } from '../../src/testing/index.ts'

const modes: Readonly<Record<string, RealtimeOptions<unknown, unknown>>> = {
  'in plain mode': {},
  'in a session': { protocol: session() },
  'in a session that tabs share': { protocol: session(), connection: shared({ key: 'ann' }) },
}

const withoutJson: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  function: () => 1,
  symbol: Symbol('s'),
  object: { toJSON: () => undefined },
}

/** What each method throws, or rejects with, at once: the server has never answered. */
async function errorsFor(value: unknown, options: RealtimeOptions<unknown, unknown>): Promise<unknown[]> {
  const server = createFakeServer<unknown, unknown>({ codec: json() })
  const client = new RealtimeClient<unknown, unknown>('https://example.test/live', { ...options, ...server.options } as never)
  const errors = [thrownBy(() => client.send(value))]
  if (options.protocol) {
    errors.push(await client.request(value).catch((error) => error))
    const topic = client.subscribe('news')
    errors.push(await topic.publish(value).catch((error) => error))
    topic.unsubscribe()
  }
  await client.close()
  server.close()
  return errors
}

function thrownBy(call: () => void): unknown {
  try {
    call()
    return null
  } catch (error) {
    return error
  }
}

describe.each(Object.entries(modes))('%s', (_, options) => {
  it.each(Object.entries(withoutJson))('json() refuses a value without JSON: %s', async (type, value) => {
    for (const error of await errorsFor(value, { ...options, codec: json() }))
      expect(error).toEqual(new TypeError(`json(): ${type} cannot be sent; null can.`))
  })

  it('what a codec has made must be a message', async () => {
    const codec: Codec<unknown, unknown> = { encode: (async () => 'x') as never, decode: (data) => data }
    for (const error of await errorsFor(1, { ...options, codec })) expect(error).toEqual(new TypeError(notSendable('Promise')))
  })

  it('without a codec the error names the option', async () => {
    for (const error of await errorsFor(undefined, options)) expect(error).toEqual(new TypeError(notSendable('Undefined')))
  })
})

it('the fake server refuses a value without JSON like a client', async () => {
  const server = createFakeServer<unknown, unknown>({ codec: json() })
  const client = new RealtimeClient<unknown, unknown>('https://example.test/live', { codec: json(), ...server.options })
  await server.nextConnection()
  expect(() => server.send(undefined)).toThrow('json(): undefined cannot be sent; null can.')
  await client.close()
  server.close()
})

function notSendable(tag: string): string {
  return `RealtimeClient: a message must be a string, ArrayBuffer, view or Blob, or have a codec, such as { codec: json() }; it was ${tag}.`
}
