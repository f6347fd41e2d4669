/** The observable behaviour of a class with the interface of `WebSocket`: results by the name of the action, as plain data. */
export type Shape = Readonly<Record<string, unknown>>

/**
 * Records the members of a class and the results of calls that the WebSockets standard defines synchronously. It uses nothing
 * from outside, so that it can run in a page. A server listens at `url`, which ends with a slash.
 */
export async function shapeOf(Class: typeof WebSocket, url: string): Promise<Shape> {
  const told: Record<string, unknown> = {}
  const made: WebSocket[] = []
  const outcome = (run: () => unknown) => {
    try {
      return run()
    } catch (error) {
      const { name } = error as Error
      return error instanceof DOMException ? `DOMException ${name}` : name
    }
  }
  const make = (...given: unknown[]) => {
    const socket = Reflect.construct(Class, given) as WebSocket
    made.push(socket)
    return socket
  }
  const shown = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value) : String(value))

  told['class'] = [Class.name, Class.length, Object.prototype.toString.call(Class.prototype)]
  told['extends EventTarget'] = Object.getPrototypeOf(Class.prototype) === EventTarget.prototype
  told['call without new'] = outcome(() => Reflect.apply(Class, undefined, [url]))
  for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']) {
    told[`constant ${name}`] = [
      Object.getOwnPropertyDescriptor(Class, name),
      Object.getOwnPropertyDescriptor(Class.prototype, name),
    ]
  }
  for (const [name, { value, get, set, enumerable, configurable }] of Object.entries(
    Object.getOwnPropertyDescriptors(Class.prototype),
  )) {
    if (name === name.toUpperCase()) continue
    const { length } = typeof value === 'function' ? value : { length: undefined }
    told[`member ${name}`] = { isReadable: !!get, isWritable: !!set, length, enumerable, configurable }
    told[`name of ${name}`] = [value?.name, get?.name, set?.name]
    if (name !== 'constructor' && !name.startsWith('on')) {
      // 1000 is a valid argument of the methods, so that only the receiver is at fault.
      const calls = [get && (() => get.call({})), set && (() => set.call({}, null)), value && (() => value.call({}, 1000))]
      told[`${name} of another object`] = calls.map((call) => call && outcome(call))
    }
  }
  const plain = make(url)
  told['own members'] = [Object.keys(plain), JSON.stringify(plain)]
  const names: string[] = []
  for (const name in plain) names.push(name)
  told['members in a loop'] = names.sort()
  told['a frozen one'] = outcome(() => {
    const frozen = make(url)
    Object.freeze(frozen)
    frozen.binaryType = 'arraybuffer'
    frozen.close()
    return [frozen.binaryType, frozen.readyState]
  })

  const { host } = new URL(url)
  const urls = [
    ...[url, `${url}?a=b`, url.replace(/^ws/, 'http'), `WSS://${host}/A b`, `https://${host}/x`, `ws:${host}`, `ws:///${host}/x`],
    ...[
      'ws://',
      'ftp://host/',
      'mailto:x',
      'blob:http://host/x',
      `${url}#`,
      `${url}#a`,
      `http://${host}/#`,
      'http://[::',
      'ws://a b/',
    ],
  ]
  for (const each of urls) told[`url ${each.replace(host, 'host')}`] = outcome(() => make(each).url.replace(host, 'host'))
  told['url as an object'] = outcome(() => make(new URL(url)).url === url)
  told['no url'] = outcome(() => make())
  told['url a symbol'] = outcome(() => make(Symbol('x')))

  const offers = [
    ...[
      undefined,
      [],
      'a',
      ['a', 'b'],
      new Set(['x', 'y']),
      "!#$%&'*+-.^_`|~09Az",
      null,
      '',
      [''],
      ['a', 'a'],
      ['a', 'A'],
      'a b',
    ],
    ...['a,b', 'é', 'a\u0000', 'a/b', '(', '"', ['a', 'b c'], { toString: () => 'own' }, [1, null], '\u007f', 'a\t'],
  ]
  for (const offer of offers) {
    const name = shown(Array.isArray(offer) || offer instanceof Set ? `[${[...offer].map(shown)}]` : offer)
    told[`subprotocol ${name}`] = outcome(() => {
      const { protocol, extensions, readyState, bufferedAmount, binaryType } = make(url, offer)
      return { protocol, extensions, readyState, bufferedAmount, binaryType }
    })
  }

  for (const type of ['arraybuffer', 'blob', 'Blob', '', null, 5]) {
    told[`binaryType ${shown(type)}`] = outcome(() => {
      const socket = make(url)
      socket.binaryType = 'arraybuffer'
      Reflect.set(socket, 'binaryType', type)
      return socket.binaryType
    })
  }

  const connecting = make(url)
  told['send while connecting'] = outcome(() => connecting.send('x'))
  told['send nothing'] = outcome(() => Reflect.apply(connecting.send, connecting, []))
  told['send a symbol'] = outcome(() => Reflect.apply(connecting.send, connecting, [Symbol('x')]))

  const closes = [
    ...[[], [1000], [1000, ''], [undefined, ''], [3000, 'x'], [4999], ['3000'], [3000.5], [3001.5], [2999.6], [4999.5]],
    ...[
      [999],
      [1001],
      [1005],
      [1006],
      [2999],
      [5000],
      [66_536],
      [null],
      [Number.NaN],
      [-1],
      [{}],
      [Number.POSITIVE_INFINITY],
      ['x'],
    ],
    ...[
      [1000, 'x'.repeat(123)],
      [1000, 'x'.repeat(124)],
      [1000, 'é'.repeat(61)],
      [1000, 'é'.repeat(62)],
      [3000, '🙂'.repeat(31)],
    ],
    ...[
      [1000, '\ud83d'.repeat(41)],
      [1000, '\ud83d'.repeat(42)],
      [undefined, 'x'.repeat(124)],
      [999, 'x'.repeat(124)],
    ],
    ...[[1000, null], [Symbol('x')], [1000, Symbol('x')], [999, Symbol('x')]],
  ]
  for (const given of closes) {
    told[`close ${given.map((each) => shown(each).slice(0, 20) + shown(each).length)}`] = outcome(() => {
      const socket = make(url)
      const result = Reflect.apply(socket.close, socket, given)
      return [result, socket.readyState]
    })
  }

  const handled = make(url)
  const fn = () => {}
  const object = { handleEvent() {} }
  for (const [name, value] of Object.entries({ fn, object, none: null, undefined, number: 5, text: 'x', flag: true })) {
    handled.onopen = fn
    Reflect.set(handled, 'onopen', value)
    told[`handler ${name}`] = [handled.onopen === value, handled.onopen === null]
  }
  const order: unknown[] = []
  const called = (name: string) => {
    handled.dispatchEvent(new Event('open'))
    told[`order, ${name}`] = order.splice(0)
  }
  handled.onopen = null
  handled.addEventListener('open', () => order.push(1))
  handled.onopen = function first(this: unknown, event) {
    order.push('first', this === handled, event.currentTarget === handled, event.target === handled)
  }
  handled.addEventListener('open', () => order.push(2))
  called('set')
  handled.onopen = () => order.push('second')
  called('replaced')
  Reflect.set(handled, 'onopen', {
    handleEvent() {
      order.push('never')
    },
  })
  called('an object')
  handled.onopen = () => order.push('third')
  called('after an object')
  handled.onopen = null
  called('null')
  handled.onopen = () => order.push('fourth')
  called('set again')
  handled.onopen = () => false
  const cancelable = new Event('open', { cancelable: true })
  handled.dispatchEvent(cancelable)
  told['a handler that returns false'] = cancelable.defaultPrevented

  const ended = make(url)
  const events: unknown[] = []
  for (const type of ['open', 'message', 'error', 'close']) {
    ended.addEventListener(type, (event) => {
      const { code, reason, wasClean } = event as CloseEvent
      const { bubbles, cancelable } = event
      events.push([event.type, event.constructor.name, bubbles, cancelable, code, reason, wasClean, ended.readyState])
    })
  }
  ended.close()
  ended.close(4000, 'again')
  ended.send('twelve bytes')
  told['after close()'] = [ended.readyState, ended.bufferedAmount, events.length]
  for (const each of made) each.close()
  await new Promise((resolve) => ended.addEventListener('close', resolve))
  await new Promise((resolve) => setTimeout(resolve, 100))
  told['events of a socket that is closed while it connects'] = events
  ended.send('é')
  ended.close(3000)
  told['at the end'] = [ended.readyState, ended.bufferedAmount]
  return told
}

/** The events of a socket whose server echoes, and answers `close` by closing with 4400 and `bye`. */
export async function lifeOf(Class: typeof WebSocket, url: string): Promise<readonly unknown[]> {
  const socket = new Class(url, ['b.v1', 'a.v1'])
  const log: unknown[] = []
  const shown = (data: unknown) =>
    data instanceof Blob ? ['Blob', data.size, data.type] : data instanceof ArrayBuffer ? 'bytes' : data
  const over = new Promise((resolve) => socket.addEventListener('close', resolve))
  socket.onopen = (event) => {
    log.push([event.constructor.name, socket.readyState, socket.protocol, socket.extensions])
    socket.send('text')
    socket.send(new Blob(['blob']))
    socket.send(Uint8Array.of(1, 2, 3))
    socket.send('é\ud83d')
    log.push(socket.bufferedAmount)
    socket.send(5 as unknown as string)
  }
  socket.onmessage = (event) => {
    const { data, origin, lastEventId, source, ports, bubbles, cancelable } = event
    const isOrigin = origin === new URL(url).origin
    log.push([event.constructor.name, shown(data), isOrigin, lastEventId, source, ports.length, bubbles, cancelable])
    if (data instanceof Blob && data.size === 4) socket.binaryType = 'arraybuffer'
    if (data === '5') socket.send('close')
  }
  socket.onerror = () => void log.push('error')
  socket.onclose = (event) => {
    const { code, reason, wasClean, bubbles, cancelable } = event
    log.push([event.constructor.name, code, reason, wasClean, bubbles, cancelable, socket.readyState])
  }
  await over
  // The other listeners of `close` run after the microtasks of the first one.
  await new Promise((resolve) => setTimeout(resolve))
  return log
}

/** What arrives, in order, of values that `send()` has to tell from `Blob`s and buffers, at a server that echoes. */
export async function sentBy(Class: typeof WebSocket, url: string): Promise<readonly unknown[]> {
  const tagged = (tag: string, value: object = {}) => Object.defineProperty(value, Symbol.toStringTag, { value: tag })
  const transferred = <Bytes extends ArrayBuffer | Uint8Array>(bytes: Bytes) => {
    structuredClone(null, { transfer: [bytes instanceof ArrayBuffer ? bytes : (bytes.buffer as ArrayBuffer)] })
    return bytes
  }
  const sent: readonly unknown[] = [
    ...['Blob', 'File', 'ArrayBuffer', 'Uint8Array'].map((tag) => tagged(tag)),
    ...[tagged('Blob', { size: 3, arrayBuffer: async () => new ArrayBuffer(3) }), tagged('ArrayBuffer', { byteLength: 3 })],
    ...[
      Object.create(Blob.prototype, { [Symbol.toPrimitive]: { value: () => 'its prototype' } }),
      new Proxy(new ArrayBuffer(2), {}),
    ],
    ...[tagged('Other', new Blob(['blob'])), tagged('Other', Uint8Array.of(1, 2).buffer)],
    ...[transferred(new ArrayBuffer(2)), transferred(new Uint8Array(2)), new ArrayBuffer(0), new Blob([])],
    ...[undefined, null, 1.5, { toString: () => 'own' }, [1, [2]], new DataView(Uint8Array.of(7, 8, 9).buffer, 1)],
  ]
  const socket = new Class(url)
  socket.binaryType = 'arraybuffer'
  const arrived: unknown[] = []
  await new Promise((resolve, reject) => {
    socket.onopen = () => {
      for (const each of sent) socket.send(each as string)
      socket.send('last')
    }
    socket.onmessage = ({ data }) => {
      arrived.push(typeof data === 'string' ? data : [...new Uint8Array(data as ArrayBuffer)])
      if (data === 'last') resolve(null)
    }
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code} after ${JSON.stringify(arrived)}`))
  })
  socket.onclose = null
  socket.close()
  return arrived
}
