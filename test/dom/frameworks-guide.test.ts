import * as react from 'react'
import * as jsxRuntime from 'react/jsx-runtime'
import { createRoot } from 'react-dom/client'
import { afterEach, expect, it, vi } from 'vitest'
import * as vue from 'vue'
import { json, RealtimeClient } from '../../src/index.ts'
import * as reactHooks from '../../src/react/index.ts'
import type { RealtimeServerOptions } from '../../src/server/index.ts'
import { session } from '../../src/session/index.ts'
import * as composables from '../../src/vue/index.ts'
import { snippetNamed } from '../support/readme.ts'
import { runSnippet } from '../support/readme-run.ts'
import { type SessionServers, startSessionServers } from '../support/readme-session.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { nodeHost } from '../support/watched-client.ts'

/** The snippets of docs/guide/react.md, vue.md and svelte.md, and README's, in a page and with a real server. */
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** The client options of a page at this origin; the only WebSocket here is that of `ws`. */
function pageAt(origin: string) {
  return { transports: ['websocket'] as const, host: { ...nodeHost, baseUrl: `${origin}/` } }
}

function modulesAt(origin: string) {
  const { RealtimeProvider, provideRealtime } = { ...reactHooks, ...composables }
  return {
    react,
    vue,
    'react/jsx-runtime': jsxRuntime,
    steadfast: { json, RealtimeClient },
    'steadfast/session': { session },
    'steadfast/react': {
      ...reactHooks,
      RealtimeProvider: (props: { options: object }) =>
        react.createElement(RealtimeProvider, { ...props, options: { ...props.options, ...pageAt(origin) } } as never),
    },
    'steadfast/vue': {
      ...composables,
      provideRealtime: (url: string, options: object) => provideRealtime(url, { ...options, ...pageAt(origin) }),
    },
  }
}

async function startServer(): Promise<SessionServers> {
  const servers = await startSessionServers(snippetNamed('react-server'))
  cleanUps.push(() => servers[Symbol.asyncDispose]())
  return servers
}

async function startOpenServer(options: RealtimeServerOptions = {}): Promise<RealtimeServers> {
  const servers = await RealtimeServers.start({ options: { onSubscribe: () => true, onPublish: () => true, ...options } })
  cleanUps.push(() => servers[Symbol.asyncDispose]())
  return servers
}

function render(App: react.ComponentType): HTMLElement {
  const container = document.createElement('div')
  const root = createRoot(container)
  root.render(react.createElement(react.StrictMode, null, react.createElement(App)))
  cleanUps.push(() => root.unmount())
  return container
}

const says = (container: HTMLElement, ...texts: readonly string[]) =>
  vi.waitFor(() => {
    for (const text of texts) expect(container.textContent).toContain(text)
  }, 8000)

const click = (container: HTMLElement, text: string) =>
  [...container.querySelectorAll('button')].find((each) => each.textContent === text)?.click()

it('react', async () => {
  const servers = await startOpenServer()
  const { App } = await runSnippet(snippetNamed('react'), modulesAt(new URL(servers.url()).origin))
  const container = render(App as react.ComponentType)
  await says(container, 'online')
  await vi.waitFor(async () => {
    await servers.server().publish('chat', 'hello')
    expect(container.textContent).toMatch(/hello/)
  }, 8000)
})

it('react-server, react-hooks', async () => {
  const servers = await startServer()
  const { App } = await runSnippet(snippetNamed('react-hooks'), modulesAt(servers.origins[0] ?? ''))
  const [one, other] = [render(App as react.ComponentType), render(App as react.ComponentType)]
  await says(one, 'anonymous, anonymous')
  click(one, 'Greet')
  await says(one, 'hello')
  await says(other, 'hello')
  click(other, '1 + 2')
  await vi.waitFor(() => expect([...other.querySelectorAll('button')].at(-1)?.textContent).toBe('3'), 8000)
  expect(servers.errors).toEqual([])
})

it('react-types', async () => {
  const exported = await runSnippet(snippetNamed('react-types'), modulesAt(''))
  expect(Object.keys(exported).sort()).toEqual(['useLines', 'useMessages', 'usePresence', 'useRequest', 'useTopic'])
  expect(exported['useTopic']).toBe(reactHooks.useTopic)
})

it('vue', async () => {
  const servers = await startServer()
  const { App } = await runSnippet(snippetNamed('vue'), modulesAt(servers.origins[0] ?? ''))
  const container = document.createElement('div')
  const app = vue.createApp(App as vue.Component)
  app.mount(container)
  cleanUps.push(() => app.unmount())
  await says(container, 'online', 'anonymous')
  click(container, 'Greet')
  await says(container, 'hello')
  click(container, '1 + 2')
  await vi.waitFor(() => expect([...container.querySelectorAll('button')].at(-1)?.textContent).toBe('3'), 8000)
})

it('svelte', async () => {
  const servers = await startOpenServer()
  const { connectionOf, messagesOf } = (await runSnippet(snippetNamed('svelte'), {})) as {
    connectionOf(client: unknown): { subscribe(run: (state: { status: string }) => void): () => void }
    messagesOf(client: unknown, name: string): { subscribe(run: (messages: readonly string[]) => void): () => void }
  }
  const client = new RealtimeClient(servers.url(), { ...pageAt(new URL(servers.url()).origin), protocol: session() })
  cleanUps.push(() => client.close())
  const statuses: string[] = []
  const lists: (readonly string[])[] = []
  connectionOf(client).subscribe(({ status }) => statuses.push(status))
  const stop = messagesOf(client, 'news').subscribe((messages) => lists.push(messages))
  const other = client.subscribe('news')
  await vi.waitFor(() => expect(other.state).toBe('subscribed'), 8000)
  await other.publish('hello')
  await vi.waitFor(() => expect(lists.at(-1)).toEqual(['hello']), 8000)
  stop()
  await other.publish('again')
  expect([lists.at(-1), statuses.at(-1)]).toEqual([['hello'], 'open'])
})

it('svelte-component names what the stores export', () => {
  const { code } = snippetNamed('svelte-component')
  for (const [, name] of code.matchAll(/= (\w+)\(client/g)) expect(snippetNamed('svelte').code).toContain(`function ${name}`)
})
