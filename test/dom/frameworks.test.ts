import { createPinia, defineStore, setActivePinia } from 'pinia'
import { act, createElement, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effect, isReactive, reactive, ref } from 'vue'
import { RealtimeClient } from '../../src/index.ts'
import { createFakeServer, type FakeServer } from '../../src/testing/index.ts'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let server: FakeServer
beforeEach(() => {
  vi.useFakeTimers()
  server = createFakeServer()
})
afterEach(() => {
  server.close()
  vi.useRealTimers()
})

function clientOf(): RealtimeClient {
  return new RealtimeClient('https://api.example/realtime?token=secret', server.options)
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

describe('React', () => {
  const cleanUps: (() => void)[] = []
  afterEach(() => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp()
  })

  it('reads the state with useSyncExternalStore, on the server and in the page', async () => {
    const client = clientOf()
    let renders = 0
    function Status() {
      renders += 1
      const state = useSyncExternalStore(
        (changed) => client.on('state', changed),
        () => client.state,
        () => client.state,
      )
      return createElement('b', null, state.status)
    }
    expect(renderToString(createElement(Status))).toBe('<b>idle</b>')
    const container = document.createElement('div')
    const root = createRoot(container)
    cleanUps.push(() => act(() => root.unmount()))
    act(() => root.render(createElement(Status)))
    await act(() => pass(15))
    expect(container.innerHTML).toBe('<b>open</b>')
    act(() => server.connections[0]?.lose())
    expect(container.innerHTML).toBe('<b>waiting</b>')
    await act(() => pass(2000))
    expect(container.innerHTML).toBe('<b>open</b>')
    expect(renders).toBeLessThan(20)
  })
})

describe('Vue', () => {
  it('does not make a client in reactive data reactive', async () => {
    const client = clientOf()
    const data = reactive({ client, state: client.state })
    expect(data.client).toBe(client)
    expect(isReactive(reactive(client))).toBe(false)
    expect(ref(client).value).toBe(client)
    const seen: string[] = []
    effect(() => seen.push(data.state.status))
    data.client.on('state', ({ state }) => {
      data.state = state
    })
    await pass(15)
    data.client.send('x')
    expect(data.client.report().attempts).toHaveLength(1)
    expect(seen).toEqual(['idle', 'connecting', 'open'])
    await data.client.close()
  })

  it('keeps a client in a Pinia store usable', async () => {
    const client = clientOf()
    setActivePinia(createPinia())
    const useStore = defineStore('realtime', {
      state: () => ({ client }),
      getters: { status: (state) => state.client.state.status },
    })
    const store = useStore()
    await pass(15)
    store.client.send('x')
    expect(store.client.state.status).toBe('open')
    expect(JSON.parse(JSON.stringify(store.$state)).client).toMatchObject({ status: 'open' })
    await store.client.close()
  })
})

describe('a client', () => {
  it('is serialized to JSON as its report', () => {
    const client = clientOf()
    expect(JSON.parse(JSON.stringify({ client }))).toEqual({ client: client.report() })
    expect(client.report()).toMatchObject({ status: 'idle', attempts: [] })
  })

  it('has a state that can be cloned, and serialized to JSON', async () => {
    const client = clientOf()
    const connection = await server.nextConnection()
    connection.lose()
    expect(client.state.status).toBe('waiting')
    expect(structuredClone(client.state)).toEqual(client.state)
    expect(JSON.parse(JSON.stringify(client.state))).toEqual(client.state)
  })
})
