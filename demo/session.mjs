/** The feed in session mode, at one URL for all four transports, and the faults that stand between visitors and the server. */
import { say } from './chat.mjs'
import { feedTopic, realtimeOptions } from './realtime.mjs'

/** The page says over which transport it asks, so that harm can be done to it alone. */
const transports = ['websocket', 'sse', 'long-poll', 'poll']

/** `backend` is what answers: this process, or a cluster of nodes. */
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

/** Sessions in this process. Their store outlives a restart, as one that is no part of the process would. */
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
    /** Ends a visitor's sessions for good, whatever carries them. */
    endOf: (visitor, code, reason) => realtime.end(visitor, code, reason),
    /** Says goodbye to all, and waits for what is being handled. */
    close: () => realtime.close({ drainMs: 500 }),
    reopen() {
      realtime = open()
    },
    /** There are no others to be shown, nor to be killed. */
    nodes: () => ({ nodes: [], carrier: null }),
    end: () => {},
  }
}
