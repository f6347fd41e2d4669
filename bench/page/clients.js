/**
 * The clients behind one small interface, for pages: `bench.connect(kind, origin, query, heard, lost)` connects, calls `heard`
 * with every message and `lost` with every lost connection (if the client reports it), and returns a function that stops it.
 *
 * @typedef {(origin: string, query: string, heard: Heard, lost: () => void) => Line} Connect
 */
{
  /** @param {string} origin */
  const webSocketForm = (origin) => origin.replace(/^http/, 'ws')

  /** @type {Connect} The browser's own WebSocket, dialled again at once when it is lost. */
  const connectWebSocket = (origin, query, heard, lost) => {
    let isStopped = false
    /** @type {WebSocket} */
    let socket
    const dial = () => {
      socket = new WebSocket(`${webSocketForm(origin)}/feed${query}`)
      socket.onmessage = (event) => heard(event.data, 'websocket')
      socket.onclose = () => {
        if (isStopped) return
        lost()
        dial()
      }
    }
    dial()
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text)
      },
      stop: () => {
        isStopped = true
        socket.close()
      },
    }
  }

  /** @type {Connect} */
  const connectEventSource = (origin, query, heard, lost) => {
    const source = new EventSource(`${origin}/feed${query}`)
    source.onmessage = (event) => heard(event.data, 'sse')
    source.onerror = lost
    return { send: () => {}, stop: () => source.close() }
  }

  /**
   * @type {Connect} The same steps as a client that remembers transports and keeps connections free, without a client: `localStorage`,
   * a WebSocket, a lock, an event stream by `fetch`.
   */
  const connectByHand = (origin, query, heard) => {
    const controller = new AbortController()
    const { signal } = controller
    const fallBack = async () => {
      await new Promise((granted) => {
        navigator.locks.request('slot', { ifAvailable: true }, () => {
          granted(undefined)
          return new Promise((release) => signal.addEventListener('abort', release))
        })
      })
      const response = await fetch(`${origin}/feed${query}`, { headers: { Accept: 'text/event-stream' }, signal })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
        if (/^data:/m.test(part.value)) heard(part.value, 'sse')
    }
    localStorage.getItem('transports')
    const socket = new WebSocket(`${webSocketForm(origin)}/feed${query}`)
    socket.onmessage = (event) => heard(event.data, 'websocket')
    socket.onclose = () => fallBack().catch(() => {})
    return { send: () => {}, stop: () => controller.abort() }
  }

  /** @type {(options?: () => object) => Connect} The options are created in pages that have this script only. */
  const connectSteadfast = (options) => (origin, query, heard, lost) => {
    const client = new window.Steadfast.RealtimeClient(`${origin}/feed${query}`, options?.())
    client.addEventListener('message', (event) => heard(String(event.data), event.transport))
    client.addEventListener('close', lost)
    return { send: (text) => client.send(text), stop: () => void client.close() }
  }

  /** @type {(options?: object) => Connect} */
  const connectSocketIo = (options) => (origin, query, heard, lost) => {
    const socket = window.io(origin + query, { ...options, forceNew: true })
    socket.on('message', (data) => heard(data, socket.io.engine.transport.name))
    socket.on('disconnect', lost)
    return { send: (text) => void socket.emit('message', text), stop: () => void socket.disconnect() }
  }

  /** @type {Connect} */
  const connectSockJs = (origin, query, heard, lost) => {
    const socket = new window.SockJS(`${origin}/sockjs${query}`)
    socket.onmessage = (event) => heard(event.data, socket.transport)
    socket.onclose = lost
    return { send: (text) => socket.send(text), stop: () => socket.close() }
  }

  /** @type {(name: 'ReconnectingWebSocket' | 'PartySocket') => Connect} */
  const connectDropIn = (name) => (origin, query, heard, lost) => {
    const socket = new window[name](`${webSocketForm(origin)}/feed${query}`)
    socket.onmessage = (event) => heard(event.data, 'websocket')
    socket.onclose = lost
    return { send: (text) => socket.send(text), stop: () => socket.close() }
  }

  /** @type {Connect} */
  const connectPhoenix = (origin, query, heard, lost) => {
    const socket = new window.Phoenix.Socket(`${webSocketForm(origin)}/phoenix${query}`, {
      longPollFallbackMs: 2_500,
      // It would ignore anything but its own protocol; what it decodes does not matter here.
      decode: (/** @type {string} */ data, /** @type {(message: object) => void} */ decoded) =>
        decoded({ topic: 'bench', event: data, payload: {}, ref: null, join_ref: null }),
    })
    socket.onMessage((message) => heard(message.event, 'websocket'))
    socket.onClose(lost)
    socket.connect()
    return { send: () => {}, stop: () => socket.disconnect() }
  }

  /** @type {Record<string, Connect>} */
  const clients = {
    websocket: connectWebSocket,
    eventsource: connectEventSource,
    'websocket, then fetch': connectByHand,
    steadfast: connectSteadfast(),
    'steadfast, no questions': connectSteadfast(() => ({ probe: false })),
    'steadfast, session': connectSteadfast(() => ({ protocol: window.Steadfast.session() })),
    'steadfast, session over WebSocket': connectSteadfast(() => ({
      protocol: window.Steadfast.session(),
      transports: ['websocket'],
    })),
    'steadfast, session over SSE': connectSteadfast(() => ({ protocol: window.Steadfast.session(), transports: ['sse'] })),
    'socket.io': connectSocketIo(),
    'socket.io, WebSocket first': connectSocketIo({ transports: ['websocket', 'polling'], tryAllTransports: true }),
    'socket.io, WebSocket only': connectSocketIo({ transports: ['websocket'] }),
    sockjs: connectSockJs,
    partysocket: connectDropIn('PartySocket'),
    'reconnecting-websocket': connectDropIn('ReconnectingWebSocket'),
    phoenix: connectPhoenix,
  }

  const now = () => performance.timeOrigin + performance.now()

  /** @type {Line[]} */
  let crowd = []

  window.bench = {
    connect: (kind, origin, query, heard, lost) => clients[kind](origin, query, heard, lost).stop,

    /** Milliseconds from the constructor to the first message; `null` if none arrived in time. */
    firstMessage: (kind, origin, limitMs) =>
      new Promise((resolve) => {
        const startedAt = performance.now()
        /** @param {{ ms: number, transport: string } | null} result */
        const finish = (result) => {
          line.stop()
          resolve(result)
        }
        const line = clients[kind](
          origin,
          '',
          (_, transport) => finish({ ms: performance.now() - startedAt, transport }),
          () => {},
        )
        setTimeout(finish, limitMs, null)
      }),

    /** Sends 1, 2, 3, … until it is told to stop, and records the numbers that arrive, also afterwards. */
    exchange: (kind, origin, query, everyMs) => {
      const startedAt = now()
      /** @type {Arrival[]} */
      const arrivals = []
      let sent = 0
      const line = clients[kind](
        origin,
        query,
        (data, transport) => arrivals.push({ number: Number(data), at: now(), transport }),
        () => {},
      )
      const timer = setInterval(() => {
        sent += 1
        line.send(String(sent))
      }, everyMs)
      return {
        quiet: () => clearInterval(timer),
        stop: () => {
          line.stop()
          return { startedAt, sent, arrivals }
        },
      }
    },

    /** Connects `count` clients, and waits until all are open. */
    crowd: async (kind, origin, count) => {
      const size = crowd.length
      while (crowd.length < size + count) {
        crowd.push(
          clients[kind](
            origin,
            '',
            () => {},
            () => {},
          ),
        )
        // Chromium delays the dials of a page with many at the same time.
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      await new Promise((resolve) => setTimeout(resolve, 2_000))
    },

    disperse: async () => {
      for (const { stop } of crowd) stop()
      crowd = []
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    },
  }
}
