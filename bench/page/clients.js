/**
 * The clients, all behind one small face, for pages: `bench.connect(kind, origin, query, heard, lost)` connects, calls `heard`
 * with every message and `lost` (where the client tells) with every lost connection, and returns the way to stop.
 *
 * @typedef {(origin: string, query: string, heard: Heard, lost: () => void) => () => void} Connect
 */
{
  /** @param {string} origin */
  const webSocketForm = (origin) => origin.replace(/^http/, 'ws')

  /** @type {Connect} What the application gets from the browser alone: a socket, dialled again at once when it is lost. */
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
    return () => {
      isStopped = true
      socket.close()
    }
  }

  /** @type {Connect} */
  const connectEventSource = (origin, query, heard, lost) => {
    const source = new EventSource(`${origin}/feed${query}`)
    source.onmessage = (event) => heard(event.data, 'sse')
    source.onerror = lost
    return () => source.close()
  }

  /** @type {(options?: object) => Connect} */
  const connectSteadfast = (options) => (origin, query, heard, lost) => {
    const client = new window.Steadfast.RealtimeClient(`${origin}/feed${query}`, options)
    client.addEventListener('message', (event) => heard(String(event.data), event.transport))
    client.addEventListener('close', lost)
    return () => client.close()
  }

  /** @type {(options?: object) => Connect} */
  const connectSocketIo = (options) => (origin, query, heard, lost) => {
    const socket = window.io(origin + query, { ...options, forceNew: true })
    socket.on('message', (data) => heard(data, socket.io.engine.transport.name))
    socket.on('disconnect', lost)
    return () => socket.disconnect()
  }

  /** @type {Connect} */
  const connectSockJs = (origin, query, heard, lost) => {
    const socket = new window.SockJS(`${origin}/sockjs${query}`)
    socket.onmessage = (event) => heard(event.data, socket.transport)
    socket.onclose = lost
    return () => socket.close()
  }

  /** @type {(name: 'ReconnectingWebSocket' | 'PartySocket') => Connect} */
  const connectDropIn = (name) => (origin, query, heard, lost) => {
    const socket = new window[name](`${webSocketForm(origin)}/feed${query}`)
    socket.onmessage = (event) => heard(event.data, 'websocket')
    socket.onclose = lost
    return () => socket.close()
  }

  /** @type {Connect} */
  const connectPhoenix = (origin, query, heard, lost) => {
    const socket = new window.Phoenix.Socket(`${webSocketForm(origin)}/phoenix${query}`, {
      longPollFallbackMs: 2_500,
      // It would answer with silence to anything but its own protocol; what it decodes does not matter here.
      decode: (/** @type {string} */ data, /** @type {(message: object) => void} */ decoded) =>
        decoded({ topic: 'bench', event: data, payload: {}, ref: null, join_ref: null }),
    })
    socket.onMessage((message) => heard(message.event, 'websocket'))
    socket.onClose(lost)
    socket.connect()
    return () => socket.disconnect()
  }

  /** @type {Record<string, Connect>} */
  const clients = {
    websocket: connectWebSocket,
    eventsource: connectEventSource,
    steadfast: connectSteadfast(),
    'socket.io': connectSocketIo(),
    'socket.io, WebSocket first': connectSocketIo({ transports: ['websocket', 'polling'], tryAllTransports: true }),
    'socket.io, WebSocket only': connectSocketIo({ transports: ['websocket'] }),
    sockjs: connectSockJs,
    partysocket: connectDropIn('PartySocket'),
    'reconnecting-websocket': connectDropIn('ReconnectingWebSocket'),
    phoenix: connectPhoenix,
  }

  window.bench = {
    connect: (kind, origin, query, heard, lost) => clients[kind](origin, query, heard, lost),

    /** Milliseconds from the constructor to the first message; `null` if none came in time. */
    firstMessage: (kind, origin, limitMs) =>
      new Promise((resolve) => {
        const startedAt = performance.now()
        /** @param {{ ms: number, transport: string } | null} result */
        const finish = (result) => {
          stop()
          resolve(result)
        }
        const stop = clients[kind](
          origin,
          '',
          (_, transport) => finish({ ms: performance.now() - startedAt, transport }),
          () => {},
        )
        setTimeout(finish, limitMs, null)
      }),
  }
}
