/** As much of sockjs-node as the tests use; it has no types of its own. */
declare module 'sockjs' {
  import type { Server } from 'node:http'

  export interface Connection {
    on(type: 'data', listener: (text: string) => void): void
    on(type: 'close', listener: () => void): void
    write(text: string): void
    close(code: number, reason: string): void
  }

  interface Service {
    on(type: 'connection', listener: (connection: Connection) => void): void
    installHandlers(server: Server): void
  }

  export function createServer(options: Readonly<Record<string, unknown>>): Service
}
