import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { ReactElement } from 'react'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TopicMessage } from '../../src/api/calls.ts'
import type { ConnectionView, PresenceView, UsedRequest, UsedTopic } from '../../src/react/index.ts'
import { session } from '../../src/session/index.ts'
import { createFakeServer, type FakeServer } from '../../src/testing/index.ts'
import { RequestError } from '../../src/wire/request-error.ts'
import { type FakeTopic, withFakeTopics } from '../support/fake-topics.ts'
import { loadReact, type ReactKit, type ReactVersion } from '../support/react-versions.ts'

/** The params that the server's `onSubscribe` would receive. */
const paramsOf = ({ options }: FakeTopic): unknown => (options as { params: () => unknown }).params()

/** A component in a Suspense boundary that suspends for 100 ms, and then reads a topic. */
function suspended({ React, hooks }: ReactKit, client: unknown): ReactElement {
  const { Suspense, createElement } = React
  let isThere = false
  const promise = new Promise<void>((resolve) => setTimeout(resolve, 100)).then(() => {
    isThere = true
  })
  function Room() {
    if (!isThere) throw promise
    return createElement('i', null, `${hooks.useMessages('news').length} ${hooks.useTopic('news').state}`)
  }
  const boundary = createElement(Suspense, { fallback: createElement('b', null, 'soon') }, createElement(Room))
  return createElement(hooks.RealtimeProvider, { client } as never, boundary)
}

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

describe.each<ReactVersion>(['18', '19'])('React %s', (version) => {
  let kit: ReactKit
  let server: FakeServer
  const cleanUps: (() => unknown)[] = []

  beforeAll(async () => {
    kit = await loadReact(version)
    expect(kit.React.version.split('.')[0]).toBe(version)
  }, 60_000)
  beforeEach(() => {
    vi.useFakeTimers()
    server = createFakeServer()
  })
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
    server.close()
    vi.useRealTimers()
  })

  const pass = (ms: number) => kit.act(() => vi.advanceTimersByTimeAsync(ms).then(() => {}))
  /** Creates elements of a component that renders only the text that the function returns. */
  const component = (run: () => unknown) => {
    const Test = () => kit.React.createElement('i', null, String(run()))
    return () => kit.React.createElement(Test)
  }
  const element = (run: () => unknown) => component(run)()
  const strict = (child: ReactElement) => kit.React.createElement(kit.React.StrictMode, null, child)
  const provided = (props: object, ...children: readonly ReactElement[]) =>
    kit.React.createElement(kit.hooks.RealtimeProvider, props as never, ...children)
  const ofUrl = (...children: readonly ReactElement[]) =>
    provided({ url: 'https://api.example/realtime', options: server.options }, ...children)

  async function mount(tree: ReactElement) {
    const container = document.createElement('div')
    const root = kit.client.createRoot(container)
    let isMounted = true
    const unmount = async () => {
      if (isMounted) await kit.act(async () => root.unmount())
      isMounted = false
    }
    cleanUps.push(unmount)
    const render = (next: ReactElement) => kit.act(async () => root.render(next))
    await render(tree)
    return { container, render, unmount }
  }

  function ownClient() {
    const client = new kit.steadfast.RealtimeClient('https://api.example/realtime', server.options)
    cleanUps.push(() => void client.close())
    return withFakeTopics(client)
  }

  describe('RealtimeProvider', () => {
    it('opens one connection in StrictMode, sends what was queued before it, and closes it on unmount', async () => {
      const received: unknown[] = []
      server.close()
      let connections = 0
      server = createFakeServer({
        onConnection: () => {
          connections += 1
        },
        onMessage: (data) => void received.push(data),
      })
      const { useEffect } = kit.React
      const view = await mount(
        strict(
          ofUrl(
            element(() => {
              const client = kit.hooks.useRealtime<string, string>()
              useEffect(() => client.send('from an effect'), [client])
              return client.state.status
            }),
          ),
        ),
      )
      await pass(50)
      expect([connections, server.connections.length]).toEqual([1, 1])
      // StrictMode runs an effect twice, so that the message is sent twice.
      expect(received).toEqual(['from an effect', 'from an effect'])
      await view.unmount()
      await pass(6000)
      expect([connections, server.connections.length]).toEqual([1, 0])
    })

    it('keeps its client across renders, calls the latest prepare(), and creates another client for another URL', async () => {
      const clients = new Set<unknown>()
      const child = element(() => clients.add(kit.hooks.useRealtime()).size)
      const prepared: string[] = []
      const at = (url: string, name: string) =>
        provided({ url, options: { ...server.options, prepare: () => void prepared.push(name) } }, child)
      const view = await mount(at('https://api.example/a', 'first'))
      await view.render(at('https://api.example/a', 'second'))
      expect(clients.size).toBe(1)
      await pass(50)
      await kit.act(async () => server.connections[0]?.lose())
      await pass(5000)
      expect([prepared[0], prepared.at(-1)]).toEqual(['first', 'second'])
      expect(clients.size).toBe(1)
      await view.render(at('https://api.example/b', 'third'))
      await pass(50)
      expect(clients.size).toBe(2)
      expect(server.connections.filter(({ isOpen }) => isOpen)).toHaveLength(1)
    })

    it('does not close a client that the application passes to it', async () => {
      const { client } = ownClient()
      const view = await mount(
        provided(
          { client },
          element(() => kit.hooks.useRealtime() === client),
        ),
      )
      await pass(50)
      expect(view.container.textContent).toBe('true')
      await view.unmount()
      await pass(50)
      expect(client.state.status).toBe('open')
    })

    it('throws errors that name the missing provider or the invalid option', async () => {
      const complaint = (tree: ReactElement) => {
        try {
          return kit.server.renderToString(tree)
        } catch (error) {
          return String(error)
        }
      }
      expect(complaint(element(() => kit.hooks.useRealtime()))).toBe(
        'Error: useRealtime(): there is no <RealtimeProvider> above.',
      )
      expect(complaint(provided({}))).toBe('TypeError: <RealtimeProvider>: there is no client and no url.')
      expect(complaint(ofUrl(element(() => kit.hooks.useConnection({ delayMs: -1 }))))).toBe(
        'TypeError: useConnection(): delayMs must be at least 0; it was -1.',
      )
      expect(complaint(ofUrl(element(() => kit.hooks.useMessages('news', { max: 0 }))))).toBe(
        'TypeError: useMessages(): max must be at least 1; it was 0.',
      )
    })

    it('dials nothing and leaves no timer on a server, and connects when the page hydrates', async () => {
      const child = element(() => {
        const { status, retryInMs, state } = kit.hooks.useConnection()
        const messages = kit.hooks.useMessages(undefined, { initial: [{ data: 'kept' } as never] })
        return [status, retryInMs, state.status, messages.length].join()
      })
      const html = kit.server.renderToString(ofUrl(child))
      expect(html).toBe('<i>connecting,,idle,1</i>')
      expect([server.connections.length, vi.getTimerCount()]).toEqual([0, 0])
      const container = document.createElement('div')
      container.innerHTML = html
      const errors: unknown[] = []
      let root: ReturnType<typeof kit.client.hydrateRoot> | undefined
      await kit.act(async () => {
        root = kit.client.hydrateRoot(container, strict(ofUrl(child)), { onRecoverableError: (error) => errors.push(error) })
      })
      cleanUps.push(() => kit.act(async () => root?.unmount()))
      await pass(50)
      expect([container.innerHTML, errors]).toEqual(['<i>online,,open,1</i>', []])
      expect(server.connections).toHaveLength(1)
    })

    it('lets a component suspend, which subscribes once it is mounted', async () => {
      const { client, topics } = ownClient()
      const view = await mount(strict(suspended(kit, client)))
      expect([view.container.textContent, topics.length]).toEqual(['soon', 0])
      await pass(200)
      expect(view.container.textContent).toBe('0 subscribing')
      expect(topics.filter(({ isOver }) => !isOver)).toHaveLength(2)
    })

    it('can be streamed by a server, without a subscription', async () => {
      // A separate copy of React, since React warns about two renderers of one context.
      const onServer = await loadReact(version)
      const { client, topics } = ownClient()
      const sink = new PassThrough()
      let html = ''
      const ended = once(
        sink.setEncoding('utf8').on('data', (chunk: string) => (html += chunk)),
        'end',
      )
      const stream = onServer.server.renderToPipeableStream(suspended(onServer, client), {
        onShellReady: () => stream.pipe(sink),
      })
      await vi.advanceTimersByTimeAsync(200)
      await ended
      expect(html).toContain('<i>0 subscribing</i>')
      expect(topics).toEqual([])
    })
  })

  describe('useConnection', () => {
    async function watched(options?: { delayMs: number }) {
      const seen: ConnectionView[] = []
      await mount(
        strict(
          ofUrl(
            element(() => {
              seen.push(kit.hooks.useConnection(options))
              return seen.at(-1)?.status
            }),
          ),
        ),
      )
      await pass(50)
      const statuses = () => seen.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1])
      return { seen, statuses, last: () => seen.at(-1) as ConnectionView }
    }

    it('does not show a loss that is over within two seconds', async () => {
      const { statuses, last } = await watched()
      expect(statuses()).toEqual(['connecting', 'online'])
      await kit.act(async () => server.connections[0]?.lose())
      await pass(1)
      expect(['waiting', 'connecting']).toContain(last().state.status)
      await pass(1999)
      expect(last().state.status).toBe('open')
      await pass(5000)
      expect(statuses()).toEqual(['connecting', 'online'])
    })

    it('shows a longer loss with its diagnosis, and counts down to the next attempt once a second', async () => {
      const { seen, statuses, last } = await watched()
      server.refuse({ status: 503 })
      await kit.act(async () => server.connections[0]?.lose())
      await pass(1990)
      expect([last().status, last().diagnosis, last().retryInMs]).toEqual(['online', null, null])
      await pass(20)
      expect([last().status, last().diagnosis?.cause]).toEqual(['reconnecting', expect.any(String)])
      // React renders at the end of an act(), so the time passes in many of them.
      for (let step = 0; step < 200; step += 1) await pass(100)
      const shown = new Set(seen.map(({ retryInMs }) => retryInMs))
      const longest = Math.max(...[...shown].map(Number))
      expect(longest).toBeGreaterThan(0)
      for (let ms = longest; ms > 0; ms -= 1000) expect(shown).toContain(ms)
      expect([...shown].filter((ms) => Number(ms) % 1000)).toEqual([])
      expect(seen.length).toBeLessThan(150)
      server.accept()
      await pass(40_000)
      expect(statuses()).toEqual(['connecting', 'online', 'reconnecting', 'online'])
      expect(last()).toMatchObject({ retryInMs: null, diagnosis: null })
      const quiet = seen.length
      await pass(20_000)
      expect(seen.length - quiet).toBeLessThan(4)
    })

    it('shows every loss at once if delayMs is 0', async () => {
      const { statuses } = await watched({ delayMs: 0 })
      await kit.act(async () => server.connections[0]?.lose())
      await pass(1)
      expect(statuses()).toEqual(['connecting', 'online', 'reconnecting'])
    })
  })

  describe('useTopic', () => {
    it('subscribes once across renders, and unsubscribes when the topic changes', async () => {
      const { client, topics } = ownClient()
      let used: UsedTopic | undefined
      let [topic, params, since]: [string | null, unknown, { last: number } | undefined] = [null, undefined, undefined]
      const show = component(() => {
        used = kit.hooks.useTopic(topic, { params, since })
        return used.state
      })
      const Tree = (...given: readonly [string | null, unknown, { last: number }?]) => {
        ;[topic, params, since] = given as [string | null, unknown, { last: number } | undefined]
        return strict(provided({ client }, show()))
      }
      const view = await mount(Tree('news', { token: 1 }, { last: 5 }))
      expect(topics).toHaveLength(1)
      expect(view.container.textContent).toBe('subscribing')
      const publish = used?.publish
      await view.render(Tree('news', { token: 2 }, { last: 5 }))
      await kit.act(async () => topics[0]?.become('subscribed'))
      expect(view.container.textContent).toBe('subscribed')
      expect([topics.length, topics[0]?.isOver, topics[0]?.options.since]).toEqual([1, false, { last: 5 }])
      expect(paramsOf(topics[0] as FakeTopic)).toEqual({ token: 2 })
      expect(used?.publish).toBe(publish)
      expect(await used?.publish('x')).toBe(1)

      await view.render(Tree('sport', undefined))
      expect(topics.map(({ name, isOver }) => [name, isOver])).toEqual([
        ['news', true],
        ['sport', false],
      ])
      const failed = new RequestError('unprepared', 'params() threw: no token')
      await kit.act(async () => topics[1]?.fail(failed))
      expect([used?.state, used?.error]).toEqual(['subscribing', failed])
      const error = new RequestError('forbidden', 'no')
      await kit.act(async () => topics[1]?.become('refused', error))
      expect([used?.state, used?.error]).toEqual(['refused', error])
      await view.render(Tree(null, undefined))
      expect([used?.state, used?.topic, topics[1]?.isOver, topics.length]).toEqual(['idle', null, true, 2])
      await expect(used?.publish('x')).rejects.toThrow('useTopic(): there is no topic.')
    })

    it('can publish before it is mounted, over the subscription that follows', async () => {
      const { client, topics } = ownClient()
      const { useEffect } = kit.React
      const Child = ({ publish }: { publish: UsedTopic['publish'] }) => {
        useEffect(() => void publish('early'), [publish])
        return null
      }
      const Parent = () => kit.React.createElement(Child, { publish: kit.hooks.useTopic('news').publish })
      await mount(provided({ client }, kit.React.createElement(Parent)))
      expect(topics.map(({ published, isOver }) => [published, isOver])).toEqual([[['early'], false]])
    })
  })

  describe('useMessages', () => {
    it('returns the latest messages of a topic, in a list that changes only when one is received', async () => {
      const { client, topics } = ownClient()
      const lists: (readonly TopicMessage<unknown>[])[] = []
      const initial = [{ type: 'message', id: '40', data: 0, offset: 40, topic: 'news' }] as const
      const show = component(() => lists.push(kit.hooks.useMessages('news', { max: 3, initial: [...initial] })))
      const tree = () => strict(provided({ client }, show()))
      const view = await mount(tree())
      const dataOf = () => lists.at(-1)?.map(({ data }) => data)
      expect(dataOf()).toEqual([0])
      expect(topics[0]?.options.params).toBeUndefined()
      expect([topics.length, topics[0]?.options.since]).toEqual([1, 40])
      const before = lists.length
      await kit.act(async () => topics[0]?.deliver(1, 2, 3, 4))
      expect(dataOf()).toEqual([2, 3, 4])
      expect(lists.length - before).toBeLessThanOrEqual(2)
      const list = lists.at(-1)
      await view.render(tree())
      expect(lists.at(-1)).toBe(list)
      expect(topics).toHaveLength(1)
      await view.unmount()
      expect(topics[0]?.isOver).toBe(true)
    })

    it('returns the messages of the client if no topic is named', async () => {
      const view = await mount(
        ofUrl(
          element(() =>
            kit.hooks
              .useMessages<string>()
              .map(({ data }) => data)
              .join(),
          ),
        ),
      )
      await pass(50)
      await kit.act(async () => {
        server.send('a')
        server.send('b')
      })
      await pass(50)
      expect(view.container.textContent).toBe('a,b')
    })
  })

  it('usePresence returns the members, whether they are known, and the error if they are not', async () => {
    const { client, topics } = ownClient()
    const views: PresenceView[] = []
    const show = component(() => views.push(kit.hooks.usePresence('room:1')))
    const tree = () => strict(provided({ client }, show()))
    const view = await mount(tree())
    expect(views.at(-1)).toEqual({ members: [], isKnown: false, error: null })
    await kit.act(async () => topics[0]?.members({ id: 'a', info: 'Ann' }))
    const last = views.at(-1)
    expect(last).toEqual({ members: [{ id: 'a', info: 'Ann' }], isKnown: true, error: null })
    await view.render(tree())
    expect(views.at(-1)).toBe(last)
    const hidden = new RequestError('internal', 'no')
    await kit.act(async () => topics[0]?.hide(hidden))
    expect(views.at(-1)).toEqual({ ...last, error: hidden })
    const refused = new RequestError('forbidden', 'not you')
    await kit.act(async () => topics[0]?.become('refused', refused))
    expect(views.at(-1)?.error).toBe(refused)
    expect(topics).toHaveLength(1)
    await view.unmount()
    expect(topics[0]?.isOver).toBe(true)
  })

  describe('useRequest', () => {
    async function requesting() {
      const fake = ownClient()
      let used: UsedRequest | undefined
      const view = await mount(
        strict(
          provided(
            { client: fake.client },
            element(() => {
              used = kit.hooks.useRequest()
              return ''
            }),
          ),
        ),
      )
      return { ...fake, view, used: () => used as UsedRequest }
    }

    it('shows the reply or the error of the last request', async () => {
      const { requests, used } = await requesting()
      const { request } = used()
      await kit.act(async () => void request('a'))
      expect(used()).toMatchObject({ isPending: true, data: undefined, error: null })
      await kit.act(async () => void request('b'))
      await kit.act(async () => requests[0]?.resolve('A'))
      expect(used()).toMatchObject({ isPending: true, data: undefined })
      await kit.act(async () => requests[1]?.resolve('B'))
      expect(used()).toMatchObject({ isPending: false, data: 'B', error: null })
      await kit.act(async () => void request('c'))
      const error = new Error('no')
      await kit.act(async () => requests[2]?.reject(error))
      expect(used()).toMatchObject({ isPending: false, data: 'B', error })
      expect(used().request).toBe(request)
      await kit.act(async () => used().reset())
      expect(used()).toMatchObject({ isPending: false, data: undefined, error: null })
    })

    it('aborts pending requests when it is unmounted, and those that the caller aborts', async () => {
      const { requests, used, view } = await requesting()
      const controller = new AbortController()
      let first: Promise<unknown> | undefined
      await kit.act(async () => {
        first = used().request('a', { signal: controller.signal })
      })
      const why = new Error('enough')
      await kit.act(async () => controller.abort(why))
      await expect(first).rejects.toBe(why)
      expect(used()).toMatchObject({ isPending: false, error: null })
      await kit.act(async () => void used().request('b'))
      expect(requests[1]?.signal.aborted).toBe(false)
      await view.unmount()
      expect(requests[1]?.signal.aborted).toBe(true)
    })

    it('aborts pending requests, also on the server, when it is unmounted with its provider', async () => {
      server.close()
      let handling: AbortSignal | undefined
      server = createFakeServer({
        onRequest(_, { signal }) {
          handling = signal
          return new Promise(() => {})
        },
      })
      let used: UsedRequest | undefined
      const child = element(() => {
        used = kit.hooks.useRequest()
        return used.isPending
      })
      const options = { ...server.options, protocol: session() }
      const view = await mount(strict(provided({ url: 'https://api.example/realtime', options }, child)))
      await pass(50)
      let failed: Promise<unknown> | undefined
      await kit.act(async () => {
        failed = used?.request('slow').catch((error: Error) => error.name)
      })
      await pass(50)
      expect(handling?.aborted).toBe(false)
      await view.unmount()
      await pass(50)
      expect([await failed, handling?.aborted]).toEqual(['AbortError', true])
    })
  })

  it('useRealtimeEvent calls the latest listener, until it is unmounted', async () => {
    const { client } = ownClient()
    const heard: string[] = []
    let name = ''
    const show = component(() => {
      const mine = name
      kit.hooks.useRealtimeEvent('message', () => heard.push(mine))
    })
    const tree = (next: string) => {
      name = next
      return strict(provided({ client }, show()))
    }
    const view = await mount(tree('first'))
    await pass(50)
    server.send('x')
    await pass(10)
    await view.render(tree('second'))
    server.send('x')
    await pass(10)
    await view.unmount()
    server.send('x')
    await pass(10)
    expect(heard).toEqual(['first', 'second'])
  })
})
