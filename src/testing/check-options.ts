import { unknownOption } from '../util/suggest.ts'

const kinds: Readonly<Record<string, string>> = {
  codec: 'object',
  onConnection: 'function',
  onMessage: 'function',
  onRequest: 'function',
  onSubscribe: 'function',
  onPublish: 'function',
  selectProtocol: 'function',
  random: 'function',
}

/** @throws TypeError that names the option and what is allowed */
export function checkServerOptions(options: unknown): void {
  if (typeof options !== 'object' || !options || Array.isArray(options))
    throw new TypeError('FakeServer: createFakeServer() takes an object of options, such as { codec: json() }.')
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds[name]
    if (!kind) throw new TypeError(`FakeServer: ${unknownOption(name, Object.keys(kinds))}.`)
    if (value !== undefined && (typeof value !== kind || value === null))
      throw new TypeError(
        `FakeServer: ${name} must be ${kind === 'object' ? 'an object' : 'a function'}; it was ${typeof value}.`,
      )
  }
  const { codec }: { readonly codec?: { readonly encode?: unknown; readonly decode?: unknown } } = options
  if (codec && (typeof codec.encode !== 'function' || typeof codec.decode !== 'function'))
    throw new TypeError('FakeServer: codec must have `encode` and `decode`, as json() has.')
}
