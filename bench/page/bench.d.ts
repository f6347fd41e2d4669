/** What the pages have on their `window`: the bench itself, and the global of each client's script. */
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
  }
}

type Heard = (data: string, transport: string) => void

interface PhoenixSocket {
  onMessage(listener: (message: { event: string }) => void): void
  onClose(listener: () => void): void
  connect(): void
  disconnect(): void
}

declare module 'sockjs'
