import type { EngineName, EnginePage } from '../support/engines.ts'
import type { Certificates } from './certificates.ts'

/** `plain`: an ordinary server. `session`: a `RealtimeServer`, behind which the fault stands. */
export type Mode = 'plain' | 'session'

export const modes: readonly Mode[] = ['plain', 'session']

export type FaultGroup =
  | 'connection'
  | 'tls'
  | 'handshake'
  | 'middlebox'
  | 'http'
  | 'close'
  | 'frame'
  | 'loss'
  | 'sse'
  | 'poll'
  | 'policy'
  | 'lifecycle'

export type FaultTransport = 'websocket' | 'sse' | 'long-poll'

/** `bare`: nothing forbidden. `csp`: it may connect to its own origin only. `secure`: it came over https. */
export type PageKind = 'bare' | 'csp' | 'secure'

/** One thing that goes wrong, and what it truly is. */
export interface Fault {
  readonly name: string
  readonly group: FaultGroup
  readonly transport: FaultTransport
  /** Where it makes sense. Default: in both. */
  readonly modes?: readonly Mode[]
  /** The cause that a client which knew everything would tell. */
  readonly expected: string | Readonly<Record<Mode, string>>
  /** It strikes connections that are open, so that failures to connect, which may follow, say nothing of it. */
  readonly isAfterOpen?: boolean
  /** What a client in plain mode is told, as plain data; in a session the server sets it. */
  readonly inPlain?: {
    readonly options?: Readonly<Record<string, unknown>>
    /** Of the transport. */
    readonly settings?: Readonly<Record<string, unknown>>
  }
  /** Engines in which the connection simply works, so that there is nothing to tell; by mode where that differs. */
  readonly tolerated?: readonly EngineName[] | Readonly<Partial<Record<Mode, readonly EngineName[]>>>
  /** Engines in which the lab cannot make it, with the reason. */
  readonly notIn?: Readonly<Partial<Record<EngineName, string>>>
  /** The page in which the client runs. Default: `bare` */
  readonly page?: PageKind
  /** Nothing else may happen in its page, because it strikes the page or its network. */
  readonly isAlone?: boolean
  /** How long it may take until everything was told, in milliseconds. Default: 12,000 */
  readonly patienceMs?: number
  start(site: Site): Promise<Served>
}

/** Where one fault is made, for one mode and engine. */
export interface Site {
  readonly mode: Mode
  /** An address of its own on loopback: what an engine remembers of one host must not disturb another fault. */
  readonly ip: string
  /** The server that works. */
  readonly backend: Backend
  readonly certificates: Certificates
}

/** A server that works, on 127.0.0.1. */
export interface Backend {
  readonly port: number
  pathOf(transport: FaultTransport): string
}

/** A fault that waits for its client. */
export interface Served extends AsyncDisposable {
  readonly url: string
  /** In the page, before the client is made: requests that it holds itself. */
  readonly heldUrls?: readonly string[]
  /** Before the client is made. */
  before?(page: LabPage): Promise<void>
  /** Once the client is open. */
  act?(page: LabPage): Promise<void>
}

/** What a fault may do with its page. */
export interface LabPage extends EnginePage {
  setOffline?(isOffline: boolean): Promise<void>
}

export function modesOf({ modes: own = modes }: Fault): readonly Mode[] {
  return own
}

export function expectedOf({ expected }: Fault, mode: Mode): string {
  return typeof expected === 'string' ? expected : expected[mode]
}

export function isTolerated({ tolerated = [] }: Fault, mode: Mode, engine: EngineName): boolean {
  const engines = 'length' in tolerated ? tolerated : (tolerated[mode] ?? [])
  return engines.includes(engine)
}
