/** The globals of the pages: the bench itself, and the global of each client's script. */
interface Window {
  readonly Steadfast: typeof import('../../dist/index.js')
  readonly io: typeof import('socket.io-client').io
  readonly SockJS: new (url: string) => WebSocket & { readonly transport: string }
  readonly PartySocket: new (url: string) => WebSocket
  readonly ReconnectingWebSocket: new (url: string) => WebSocket
  readonly Phoenix: { readonly Socket: new (url: string, options: object) => PhoenixSocket }
  bench: {
    connect(kind: string, origin: string, query: string, heard: Heard, lost: () => void): () => void
    firstMessage(kind: string, origin: string, limitMs: number): Promise<{ ms: number; transport: string } | null>
    exchange(kind: string, origin: string, query: string, everyMs: number): { quiet(): void; stop(): Exchanged }
    crowd(kind: string, origin: string, count: number): Promise<void>
    disperse(): Promise<void>
  }
  /** The exchanges that this page takes part in. */
  exchanges: ReturnType<Window['bench']['exchange']>[]
  /** The messages to send. */
  texts: readonly string[]
  /** How often timers and frames have woken this page since counting started. */
  wakeUps: { timers: number; framesIn: number; framesOut: number }
}

type Heard = (data: string, transport: string) => void

/** The common interface of the clients in the bench. */
interface Line {
  send(text: string): void
  stop(): void
}

/** A number that arrived, and when, in wall-clock milliseconds. */
interface Arrival {
  readonly number: number
  readonly at: number
  readonly transport: string
}

/** The result of an exchange on the page's side. */
interface Exchanged {
  readonly startedAt: number
  readonly sent: number
  readonly arrivals: readonly Arrival[]
}

interface PhoenixSocket {
  onMessage(listener: (message: { event: string }) => void): void
  onClose(listener: () => void): void
  connect(): void
  disconnect(): void
}

declare module 'sockjs'
