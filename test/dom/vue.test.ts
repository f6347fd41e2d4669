import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp, createSSRApp, defineComponent, effectScope, h, nextTick, ref, type ShallowRef } from 'vue'
import { renderToString } from 'vue/server-renderer'
import type { TopicMessage } from '../../src/api/calls.ts'
import { RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { createFakeServer, type FakeServer } from '../../src/testing/index.ts'
import {
  provideRealtime,
  realtimeKey,
  useConnection,
  useMessages,
  usePresence,
  useRealtime,
  useRealtimeEvent,
  useRequest,
  useTopic,
} from '../../src/vue/index.ts'
import { RequestError } from '../../src/wire/request-error.ts'
import { type FakeTopic, withFakeTopics } from '../support/fake-topics.ts'

let server: FakeServer
let connections = 0
const received: unknown[] = []
const cleanUps: (() => unknown)[] = []
beforeEach(() => {
  vi.useFakeTimers()
  connections = 0
  server = createFakeServer({
    onConnection: () => {
      connections += 1
    },
    onMessage: (data) => void received.push(data),
  })
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  received.length = 0
  server.close()
  vi.useRealTimers()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const url = 'https://api.example/realtime'

/** A component that renders the text of the function that `setup` returns. */
const component = (setup: () => () => unknown) =>
  defineComponent({
    setup() {
      const text = setup()
      return () => h('i', String(text()))
    },
  })

function mount(child: ReturnType<typeof component>, given: RealtimeClient | string = url, options: RealtimeOptions = {}) {
  const container = document.createElement('div')
  const app = createApp({
    setup() {
      if (typeof given === 'string') provideRealtime(given, { ...server.options, ...options })
      else provideRealtime(given)
      return () => h(child)
    },
  })
  app.mount(container)
  let isMounted = true
  const unmount = () => {
    if (isMounted) app.unmount()
    isMounted = false
  }
  cleanUps.push(unmount)
  return { container, unmount }
}

function ownClient() {
  const client = new RealtimeClient(url, server.options)
  cleanUps.push(() => client.close())
  return { ...withFakeTopics(client), own: client }
}

describe('provideRealtime', () => {
  it('opens one connection, sends what was queued before it, and closes it on unmount', async () => {
    const view = mount(
      component(() => {
        const client = useRealtime<string, string>()
        client.send('from setup')
        const { status } = useConnection()
        return () => status.value
      }),
    )
    expect(view.container.innerHTML).toBe('<i>connecting</i>')
    await pass(50)
    expect([view.container.innerHTML, received, connections]).toEqual(['<i>online</i>', ['from setup'], 1])
    view.unmount()
    await pass(6000)
    expect([connections, server.connections.length]).toEqual([1, 0])
  })

  it('does not close a client that the application passes to it, and app.provide() can provide one', async () => {
    const { own } = ownClient()
    const seen: boolean[] = []
    const child = component(() => {
      seen.push((useRealtime() as unknown) === own)
      return () => ''
    })
    mount(child, own).unmount()
    const app = createApp(child).provide(realtimeKey, own)
    app.mount(document.createElement('div'))
    app.unmount()
    await pass(50)
    expect([seen, own.state.status]).toEqual([[true, true], 'open'])
  })

  it('makes its client available in the same component', () => {
    const both = createApp({
      setup: () => {
        const same = provideRealtime(url, server.options) === useRealtime()
        return () => h('i', String(same))
      },
    })
    const container = document.createElement('div')
    both.mount(container)
    expect(container.textContent).toBe('true')
    both.unmount()
  })

  it('throws an error outside setup, as useRealtime() does without a provided client', () => {
    expect(() => provideRealtime(url)).toThrow(
      'provideRealtime(): call it in setup; elsewhere write app.provide(realtimeKey, client).',
    )
    const app = createApp(component(() => () => String(useRealtime())))
    const errors: unknown[] = []
    app.config.errorHandler = (error) => errors.push(error)
    app.config.warnHandler = () => {}
    app.mount(document.createElement('div'))
    expect(String(errors[0])).toBe('Error: useRealtime(): no client is provided; call provideRealtime() in a component above.')
  })

  it('dials nothing and adds no listener on a server, and connects when the page hydrates', async () => {
    const { own } = ownClient()
    const listening = vi.spyOn(own, 'on')
    const child = component(() => {
      const { status, state } = useConnection()
      useRealtimeEvent('message', () => {})
      const messages = useMessages(undefined, { initial: [{ data: 'kept' } as never] })
      return () => [status.value, state.value.status, messages.value.length].join()
    })
    const app = (given: RealtimeClient | string) =>
      createSSRApp({
        setup() {
          if (typeof given === 'string') provideRealtime(given, server.options)
          else provideRealtime(given)
          return () => h(child)
        },
      })
    expect(await renderToString(app(own))).toBe('<i>connecting,idle,1</i>')
    expect(listening).not.toHaveBeenCalled()
    const html = await renderToString(app(url))
    expect(html).toBe('<i>connecting,idle,1</i>')
    await pass(50)
    expect(connections).toBe(1) // of the application's own client
    const container = document.createElement('div')
    container.innerHTML = html
    const page = app(url)
    page.mount(container)
    cleanUps.push(() => page.unmount())
    await pass(50)
    expect([container.innerHTML, connections]).toEqual(['<i>online,open,1</i>', 2])
  })
})

it('useConnection does not show a short loss, and counts down to the next attempt in a long one', async () => {
  const seen: string[] = []
  const view = mount(
    component(() => {
      const { status, retryInMs, diagnosis } = useConnection()
      return () => {
        seen.push(status.value)
        return [status.value, retryInMs.value, diagnosis.value?.verdict].join()
      }
    }),
  )
  await pass(50)
  server.connections[0]?.lose()
  await pass(5000)
  expect([...new Set(seen)]).toEqual(['connecting', 'online'])
  server.down()
  await pass(1900)
  expect(view.container.textContent).toBe('online,,')
  const texts = new Set<string | null>()
  for (let step = 0; step < 100; step += 1) {
    await pass(100)
    texts.add(view.container.textContent)
  }
  expect([...texts]).toEqual(expect.arrayContaining([expect.stringMatching(/^reconnecting,1000,./)]))
  server.accept()
  await pass(40_000)
  expect(view.container.textContent).toBe('online,,')
})

it('useTopic follows a ref, and can publish during setup', async () => {
  const { own, topics } = ownClient()
  const name = ref<string | null>('news')
  const token = ref(1)
  let used: ReturnType<typeof useTopic> | undefined
  const view = mount(
    component(() => {
      used = useTopic(name, { since: { last: 5 }, params: () => ({ token: token.value }) })
      void used.publish('early')
      return () => used?.state.value
    }),
    own,
  )
  await nextTick()
  expect(topics.map(({ published, isOver }) => [published, isOver])).toEqual([[['early'], false]])
  token.value = 2
  await nextTick()
  expect([topics.length, topics[0]?.options.since, (topics[0] as FakeTopic).options]).toEqual([
    1,
    { last: 5 },
    { since: { last: 5 }, params: expect.any(Function) },
  ])
  expect(((topics[0] as FakeTopic).options as { params: () => unknown }).params()).toEqual({ token: 2 })
  topics[0]?.become('subscribed')
  await nextTick()
  expect(view.container.textContent).toBe('subscribed')
  name.value = 'sport'
  await nextTick()
  expect(topics.map(({ isOver }) => isOver)).toEqual([true, false])
  const error = new RequestError('forbidden', 'no')
  topics[1]?.become('refused', error)
  expect([used?.state.value, used?.error.value]).toEqual(['refused', error])
  name.value = null
  await nextTick()
  expect([used?.state.value, used?.topic.value, topics[1]?.isOver]).toEqual(['idle', null, true])
})

it('useMessages and usePresence return lists that change with what is received, and unsubscribe on unmount', async () => {
  const { own, topics } = ownClient()
  let messages: Readonly<ShallowRef<readonly TopicMessage<unknown>[]>> | undefined
  let presence: ReturnType<typeof usePresence> | undefined
  const view = mount(
    component(() => {
      messages = useMessages('news', { max: 2 })
      presence = usePresence('news')
      return () => [messages?.value.map(({ data }) => data), presence?.members.value.length, presence?.isKnown.value].join()
    }),
    own,
  )
  topics[0]?.deliver(1, 2, 3)
  topics[1]?.members({ id: 'a', info: 'Ann' })
  await nextTick()
  expect(view.container.textContent).toBe('2,3,1,true')
  const error = new RequestError('forbidden', 'no')
  topics[1]?.become('refused', error)
  expect(presence?.error.value).toBe(error)
  view.unmount()
  await nextTick()
  expect(topics.map(({ isOver }) => isOver)).toEqual([true, true])
})

it('useRequest shows the reply or the error, and aborts its requests on unmount', async () => {
  const { own, requests } = ownClient()
  let used: ReturnType<typeof useRequest> | undefined
  const view = mount(
    component(() => {
      used = useRequest()
      return () => ''
    }),
    own,
  )
  const shown = () => [used?.isPending.value, used?.data.value, used?.error.value]
  void used?.request('a')
  expect(shown()).toEqual([true, undefined, null])
  requests[0]?.resolve('A')
  await nextTick()
  expect(shown()).toEqual([false, 'A', null])
  const error = new Error('no')
  void used?.request('b')
  requests[1]?.reject(error)
  await nextTick()
  expect(shown()).toEqual([false, 'A', error])
  void used?.request('c')
  view.unmount()
  await nextTick()
  expect(requests[2]?.signal.aborted).toBe(true)
})

it('useRequest aborts its requests, also on the server, when its component is unmounted with the one that provides the client', async () => {
  server.close()
  let handling: AbortSignal | undefined
  server = createFakeServer({
    onRequest(_, { signal }) {
      handling = signal
      return new Promise(() => {})
    },
  })
  let used: ReturnType<typeof useRequest> | undefined
  const view = mount(
    component(() => {
      used = useRequest()
      return () => ''
    }),
    url,
    { protocol: session() },
  )
  await pass(50)
  const failed = used?.request('slow').catch((error: Error) => error.name)
  await pass(50)
  expect(handling?.aborted).toBe(false)
  view.unmount()
  await pass(50)
  expect([await failed, handling?.aborted]).toEqual(['AbortError', true])
})

it('composables in a scope without a component start at once, and end with the scope', async () => {
  const { own, topics } = ownClient()
  const app = createApp({}).provide(realtimeKey, own)
  const scope = effectScope()
  const heard: unknown[] = []
  const messages = app.runWithContext(() =>
    scope.run(() => {
      useRealtimeEvent<'message', unknown>('message', ({ data }) => heard.push(data))
      return useMessages<number>('news')
    }),
  )
  topics[0]?.deliver(1)
  expect(messages?.value.map(({ data }) => data)).toEqual([1])
  await pass(50)
  server.send('x')
  await pass(10)
  scope.stop()
  await nextTick()
  server.send('y')
  await pass(10)
  expect([topics[0]?.isOver, heard]).toEqual([true, ['x']])
})
