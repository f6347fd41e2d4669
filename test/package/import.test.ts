import { once } from 'node:events'
import { createRequire } from 'node:module'
import { posix } from 'node:path'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { dist, entries, pageFiles, pageModules, read, run } from './package.ts'

test('each entry exports the names in the snapshot', async () => {
  for (const entry of entries) expect(Object.keys(await import(`${dist}/${entry}.js`)).sort()).toMatchSnapshot(entry)
})

test('a subclass of the client may use the names of its private members', async () => {
  const { RealtimeClient } = (await import(`${dist}/index.js`)) as typeof import('../../src/index.ts')
  const names = ['sender', 'connection', 'options', 'emitter', 'events', 'host', 'settings']
  class Own extends RealtimeClient {}
  for (const name of names.flatMap((each) => [`$${each}`, `_${each}`, each]))
    Object.defineProperty(Own.prototype, name, { value: 'mine' })
  const client = new Own('http://localhost/', { autoConnect: false })
  for (const name of names.flatMap((each) => [`$${each}`, `_${each}`, each])) expect(Reflect.get(client, name)).toBe('mine')
  client.send('waits')
  expect(await client.close()).toEqual({ unsent: ['waits'], unconfirmed: [] })
})

test('a socket has no members of its own, so that it is printed and serialized as a WebSocket is', async () => {
  const { webSocketOver } = (await import(`${dist}/socket.js`)) as typeof import('../../src/socket/index.ts')
  const socket = new (webSocketOver())('ws://127.0.0.1:1/')
  expect([Object.keys(socket), JSON.stringify(socket)]).toEqual([[], '{}'])
  socket.close()
})

test('ESM and CJS export the same names', async () => {
  for (const entry of entries) {
    const required = createRequire(import.meta.url)(`${dist}/${entry}.cjs`)
    expect(Object.keys(required).sort()).toEqual(Object.keys(await import(`${dist}/${entry}.js`)).sort())
  }
})

// The globals that a page, a worker or Node adds to the language. A fresh context has none of them.
const language = new Set(vm.runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[])
const surroundings = [
  ...['window', 'self', 'document', 'navigator', 'location', 'history', 'localStorage', 'sessionStorage', 'indexedDB', 'caches'],
  ...['WebSocket', 'EventSource', 'XMLHttpRequest', 'fetch', 'EventTarget', 'Event', 'CustomEvent', 'CloseEvent', 'MessageEvent'],
  ...['AbortController', 'Headers', 'Request', 'Response', 'URL', 'TextDecoder', 'TextEncoder', 'ReadableStream', 'Blob'],
  ...[
    'setTimeout',
    'setInterval',
    'clearTimeout',
    'clearInterval',
    'queueMicrotask',
    'requestAnimationFrame',
    'performance',
    'crypto',
  ],
  ...[
    'addEventListener',
    'removeEventListener',
    'postMessage',
    'onmessage',
    'importScripts',
    'BroadcastChannel',
    'console',
    'process',
  ],
  ...Object.getOwnPropertyNames(globalThis).filter((name) => !language.has(name)),
]

describe('importing touches no global', () => {
  test.each(pageModules)('%s in Node', (file) => {
    // The traps are set during the import only, so that Node's own startup and exit are not tested.
    const script = `
      const names = ${JSON.stringify([...new Set(surroundings)])}
      const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]).filter(([, own]) => own?.configurable !== false)
      const touched = []
      for (const [name] of before) {
        Object.defineProperty(globalThis, name, { configurable: true, get() { touched.push(name); throw new Error('touched ' + name) } })
      }
      const outcome = await import(${JSON.stringify(`${dist}/${file}`)}).then((exported) => Object.keys(exported).length, String)
      for (const [name, own] of before) {
        if (own) Object.defineProperty(globalThis, name, own)
        else delete globalThis[name]
      }
      console.log(JSON.stringify({ touched, outcome }))`
    const answer = JSON.parse(run(process.execPath, ['--input-type=module', '-e', script]))
    expect(answer).toEqual({ touched: [], outcome: expect.any(Number) })
    expect(answer.outcome).toBeGreaterThan(0)
  })

  test.each(pageModules)('%s in a worker', async (file) => {
    const source = `
      const before = Object.getOwnPropertyNames(globalThis).length
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(`${dist}/${file}`)}).then(
        (exported) => parentPort.postMessage({ count: Object.keys(exported).length, added: Object.getOwnPropertyNames(globalThis).length - before }),
        (error) => parentPort.postMessage({ error: String(error) }),
      )`
    const worker = new Worker(source, { eval: true })
    // The worker exits by itself: the import has left no timer and no port open.
    const exit = once(worker, 'exit')
    const [answer] = await once(worker, 'message')
    expect(answer).toEqual({ count: expect.any(Number), added: 0 })
    expect(await exit).toEqual([0])
  })

  // An ES module cannot run as a script.
  test.each(pageFiles.filter((file) => /\.(cjs|min\.js)$/.test(file)))(
    '%s where every browser global throws, as in server-side rendering',
    (file) => {
      const touched: string[] = []
      const sandbox = {}
      for (const name of surroundings) {
        Object.defineProperty(sandbox, name, {
          configurable: true,
          get() {
            touched.push(name)
            throw new Error(`touched ${name}`)
          },
        })
      }
      const context = vm.createContext(sandbox)
      /** Code that entries share is in chunks, which run in the same context. */
      const required = (path: string): Record<string, unknown> => {
        const module = { exports: {} }
        const run = vm.compileFunction(read(`dist/${path}`), ['module', 'exports', 'require'], { parsingContext: context })
        run(module, module.exports, (name: string) => required(posix.join(posix.dirname(path), name)))
        return module.exports
      }
      if (!file.endsWith('.cjs')) vm.runInContext(read(`dist/${file}`), context, { filename: file })
      const exported = file.endsWith('.cjs') ? required(file) : vm.runInContext('Steadfast', context)
      expect(touched).toEqual([])
      expect(Object.keys(exported).length).toBeGreaterThan(0)
    },
  )
})
