import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './package.ts'

/** Code of an application, checked with the declarations that it installs and with its own version of the compiler. */
const files = {
  'page.ts': `
    import { json, type NamedCause, RealtimeClient, type RealtimeEvent, type RealtimeOptions } from 'steadfast'
    import { nchan } from 'steadfast/protocols'
    import { remedies } from 'steadfast/remedies'
    import { session } from 'steadfast/session'
    import { type SocketCloseEvent, webSocketOver } from 'steadfast/socket'
    import { createFakeServer, type FakeConnection, type FakeServer } from 'steadfast/testing'

    interface News { readonly id: number }
    interface Command { readonly say: string }

    const client = new RealtimeClient('/realtime', { causes: remedies })
    client.on('open', ({ target }) => target.send('hello'))
    client.on('*', (event) => event.type === 'error' && event.scope)
    client.once('message', ({ data }) => (typeof data === 'string' ? data : data.byteLength))
    client.onclose = ({ target, final }) => final && target.reconnect()
    client.onclose = null
    // @ts-expect-error there is no such event
    client.on('messages', () => {})

    const typed = new RealtimeClient('/realtime', { codec: json<News, Command>(), debug: (line) => line.length })
    typed.send({ say: 'hello' })
    typed.on('message', ({ data, target }) => data.id && target.send({ say: 'thanks' }))
    // @ts-expect-error a command needs a say member
    typed.send({})
    export async function read(): Promise<number | undefined> {
      for await (const { data } of typed) return data.id
      return undefined
    }

    // A listener for any client can be added to every client.
    const listener = (event: RealtimeEvent<'close'>) => event.target.connect()
    client.on('close', listener)
    typed.on('close', listener)
    const any: RealtimeClient<unknown, unknown> = typed
    any.off('close', listener)

    const options: RealtimeOptions = { protocol: nchan(), prepare: async ({ attempt }) => ({ query: { n: String(attempt) } }) }
    new RealtimeClient('/realtime', options)
    // @ts-expect-error without a codec messages are not News
    new RealtimeClient<News, Command>('/realtime')
    // @ts-expect-error without a codec messages are not News
    new RealtimeClient<News, Command>('/realtime', { debug: true })
    // @ts-expect-error without a codec commands cannot be sent
    new RealtimeClient<unknown, Command>('/realtime', {})
    new RealtimeClient<unknown, string>('/realtime')

    export function colourOf({ diagnosis: { cause } }: RealtimeEvent<'error'>): string {
      const named: NamedCause = 'net.timeout'
      switch (cause) {
        case named: return 'grey'
        case 'http.401': return 'red'
        case 'close.4402': return 'gold'
        case 'my.own': return 'blue'
        default: return cause.toUpperCase()
      }
    }
    const fake: FakeServer = createFakeServer()
    new RealtimeClient('/realtime', { protocol: session(), ...fake.options })
    const answers = (connection: FakeConnection<News, Command>) => connection.send({ id: 1 })
    const typedFake = createFakeServer({ codec: json<Command, News>(), onConnection: answers, onMessage: ({ say }) => say.length })
    typedFake.send({ id: 2 })
    // @ts-expect-error the client receives news
    typedFake.send({ say: 'x' })
    // @ts-expect-error without a codec messages are not News
    createFakeServer<News, Command>()
    const Socket = webSocketOver({ transports: ['sse'] })
    new Socket('/realtime', ['a.v1']).close(4400, 'bye')
    export const socket: typeof Socket = class extends Socket {}
    export const causeOf = ({ diagnosis }: SocketCloseEvent): string | undefined => diagnosis?.cause
    // @ts-expect-error a socket carries text and bytes
    webSocketOver({ codec: json() })
    export const said: Promise<string> = typedFake.nextMessage().then(({ say }) => say)
    // @ts-expect-error there is no cause of that name
    export const unnamed: NamedCause = 'net.tiemout'
  `,
  'frameworks.ts': `

    import { RealtimeClient } from 'steadfast'
    import { createRealtimeHooks, RealtimeProvider, useConnection, useMessages, useRealtimeEvent, useRequest, useTopic } from 'steadfast/react'
    import { createRealtimeComposables, provideRealtime, useMessages as useVueMessages } from 'steadfast/vue'

    interface Line { readonly text: string }
    const hooks = createRealtimeHooks<{ [room: \`room:\${string}\`]: Line; news: number }, Line>()
    export function Lines(): string {
      const { status, retryInMs } = useConnection({ delayMs: 500 })
      const { publish } = hooks.useTopic('room:1', { params: () => ({ token: 1 }) })
      void publish({ text: 'x' })
      // @ts-expect-error a line has a text
      void publish({})
      // @ts-expect-error there is no such topic
      hooks.useTopic('other')
      const total: number = hooks.useMessages('news')[0]?.data ?? 0
      const texts = useMessages<Line>('room:1', { since: { last: 5 }, max: 10 }).map(({ data }) => data.text)
      const { request, data, error } = useRequest<number, Line>()
      void request({ text: 'x' }).then((reply) => reply.toFixed())
      useRealtimeEvent('close', ({ final }) => final)
      useTopic(null).topic?.on('gap', ({ resumesAt }) => resumesAt)
      return status + String(retryInMs) + total + texts.join() + data?.toFixed() + (error?.message ?? '')
    }
    RealtimeProvider({ client: new RealtimeClient('/realtime') })
    RealtimeProvider({ url: '/realtime', options: { debug: true } })
    // @ts-expect-error either client or url is required
    RealtimeProvider({})
    const composables = createRealtimeComposables<{ news: number }>()
    export function setup(): number | undefined {
      provideRealtime('/realtime', { debug: true }).subscribe<Line>('room:1').on('message', ({ data }) => data.text)
      const texts = useVueMessages<Line>(() => 'room:1')
      return composables.useMessages('news').value[0]?.data ?? texts.value[0]?.data.text.length
    }
  `,
  'using.ts': `
    import { RealtimeClient } from 'steadfast'
    export function once(): void {
      using client = new RealtimeClient('/realtime', { autoConnect: false })
      client.connect()
    }
  `,
  'common.cts': `
    import steadfast = require('steadfast')
    import server = require('steadfast/server')
    import testing = require('steadfast/testing')
    export const client = new steadfast.RealtimeClient('/realtime')
    export const realtime = new server.RealtimeServer()
    export const fake = testing.createFakeServer()
  `,
  'server.ts': `
    import { memoryStore, RealtimeServer } from 'steadfast/server'
    interface User { id: string; name: string }
    class Person { constructor(readonly id: string, readonly age: number) {} }
    interface Cart { items: string[] }

    export const anonymous = new RealtimeServer(memoryStore())
    anonymous.attach
    export const server = new RealtimeServer<User, Cart>({
      authenticate: async (request) => (request.headers.cookie ? { id: '1', name: 'Ann' } : null),
      onSession: async (session) => session.update({ items: [session.principal.name] }),
      onMessage: (session, { data }) => session.send(data + String(session.data?.items.length)),
    })
    new RealtimeServer({
      authenticate: () => new Person('1', 30),
      onMessage: ({ principal }) => principal.age,
    })
    // @ts-expect-error a principal needs an id
    new RealtimeServer<{ name: string }>({})
    export const typed = new RealtimeServer({
      codec: { encode: (value: { text: string }) => JSON.stringify(value), decode: (payload): { say: string } => JSON.parse(String(payload)) },
      onMessage: (session, { data }) => session.send({ text: data.say.toUpperCase() }),
    })
    export const published: Promise<number> = typed.publish('news', { text: 'x' })
    // @ts-expect-error the codec takes { text }
    typed.publish('news', { say: 'x' })
  `,
}

const page = { lib: ['ES2022', 'DOM'], module: 'ESNext', moduleResolution: 'Bundler', types: [] }
const node = { lib: ['ES2022'], module: 'NodeNext', moduleResolution: 'NodeNext', types: ['node'] }
const rows = [
  ...['5.0', '5.4', '5.9', '6.0'].map((version) => [version, 'a page without @types/node', page, ['page.ts']] as const),
  ...['5.0', '6.0'].map((version) => [version, 'Node without the DOM', node, ['page.ts', 'server.ts', 'common.cts']] as const),
  ...['5.0', '5.9', '6.0'].map(
    (version) => [version, 'a page with React and Vue', { ...page, skipLibCheck: true }, ['frameworks.ts']] as const,
  ),
  ['5.9', 'a page with `using`', { ...page, lib: ['ES2022', 'ESNext.Disposable', 'DOM'] }, ['using.ts']],
] as const

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-types-'))
  mkdirSync(`${folder}/node_modules`)
  symlinkSync(root, `${folder}/node_modules/steadfast`)
  for (const name of ['@types', 'vue']) symlinkSync(`${root}node_modules/${name}`, `${folder}/node_modules/${name}`)
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.concurrent('the declarations compile with', () => {
  it.each(rows)(
    'TypeScript %s, %s',
    async (version, name, surroundings, sources) => {
      const config = join(folder, `tsconfig.${version} ${name.replaceAll(/\W/g, '-')}.json`)
      const compilerOptions = {
        target: 'ES2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        ...surroundings,
      }
      writeFileSync(config, JSON.stringify({ compilerOptions, files: sources }))
      expect(await complaintsOf(version, config)).toBe('')
      // A compiler takes some seconds of a processor, and all of them run at once.
    },
    300_000,
  )
})

function complaintsOf(version: string, config: string): Promise<string> {
  const compiler = version === '6.0' ? 'typescript' : `typescript-${version}`
  return new Promise((resolve) => {
    execFile(process.execPath, [`${root}node_modules/${compiler}/bin/tsc`, '-p', config], (error, stdout, stderr) => {
      resolve(stdout + stderr || (error ? error.message : ''))
    })
  })
}
