/** The feed in session mode, at one URL for all four transports, and the faults between visitors and the server. */
import { say } from './chat.mjs'
import { feedTopic, realtimeOptions } from './realtime.mjs'

/** The page names its transport in the query, so that faults can affect a single transport. */
const transports = ['websocket', 'sse', 'long-poll', 'poll']

/** `backend` answers the requests: this process, or a cluster of nodes. */
export function createSessions(harm, backend) {
  function upgrade(request, socket, head, query) {
    const visitor = query.get('visitor') ?? ''
    if (!harm.admits(visitor, request, socket, (...stripped) => answer(...stripped, query))) return
    harm.watchSocket(visitor, socket)
    backend.handleUpgrade(request, socket, head, visitor)
  }

  function answer(request, response, query) {
    const visitor = query.get('visitor') ?? ''
    const transport = transports.find((name) => name === query.get('via')) ?? 'poll'
    if (harm.stops(visitor, transport, request, response, query.has('diagnose'))) return
    harm.watchAnswer(visitor, transport, request, response)
    backend.handleRequest(request, response, visitor)
  }

  return { upgrade, answer }
}

/** Sessions in this process. Their store survives a restart of the server, as a store in another process would. */
export function createBackend(feed, { RealtimeServer, memoryStore }) {
  const store = memoryStore()
  let realtime = open()
  feed.listen(({ text }) => realtime.publish(feedTopic, text))

  function open() {
    return new RealtimeServer({
      ...store,
      ...realtimeOptions({
        publish: (...message) => realtime.publish(...message),
        say: (json) => say(feed, json),
      }),
    })
  }

  return {
    handleRequest: (request, response) => realtime.handleRequest(request, response),
    handleUpgrade: (request, socket, head) => realtime.handleUpgrade(request, socket, head),
    /** Ends a visitor's sessions for good, over any transport. */
    endOf: (visitor, code, reason) => realtime.end(visitor, code, reason),
    /** Closes all sessions, and waits for running handlers. */
    close: () => realtime.close({ drainMs: 500 }),
    reopen() {
      realtime = open()
    },
    /** There are no nodes to show or to kill. */
    nodes: () => ({ nodes: [], carrier: null }),
    end: () => {},
  }
}
