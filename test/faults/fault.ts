import type { EngineName, EnginePage } from '../support/engines.ts'
import type { Certificates } from './certificates.ts'

/** `plain`: an ordinary server. `session`: a `RealtimeServer`, behind which the fault stands. */
export type Mode = 'plain' | 'session'

export const modes: readonly Mode[] = ['plain', 'session']

/**
 * How page, server and network stand to each other. `cors`: the server is of another origin and lets the page read its answers.
 * `same-origin`: both are of one origin. `no-cors`: another origin, and the server sends no CORS headers. `boxes`: a session of
 * one origin, with a proxy, a firewall, a portal or a service worker between.
 */
export type Deployment = 'cors' | 'same-origin' | 'no-cors' | 'boxes'

export interface Surroundings {
  readonly isSameOrigin: boolean
  readonly hasCors: boolean
  readonly modes: readonly Mode[]
}

export const deployments: Readonly<Record<Deployment, Surroundings>> = {
  cors: { isSameOrigin: false, hasCors: true, modes },
  'same-origin': { isSameOrigin: true, hasCors: false, modes: ['plain'] },
  'no-cors': { isSameOrigin: false, hasCors: false, modes: ['plain'] },
  boxes: { isSameOrigin: true, hasCors: false, modes: ['session'] },
}

/** The faults of one deployment. */
export interface FaultSet {
  readonly deployment: Deployment
  readonly faults: readonly Fault[]
}

export type FaultGroup =
  | 'connection'
  | 'tls'
  | 'handshake'
  | 'middlebox'
  | 'box'
  | 'http'
  | 'close'
  | 'frame'
  | 'loss'
  | 'sse'
  | 'poll'
  | 'policy'
  | 'lifecycle'

export type FaultTransport = 'websocket' | 'sse' | 'long-poll'

/**
 * `bare`: nothing forbidden. `csp`: it may connect to its own origin only, or nowhere where the endpoint is of its origin.
 * `csp-report`: the same policy, report-only. `csp-path`: it may connect to the endpoint's paths only. `secure`: it came over https.
 */
export type PageKind = 'bare' | 'csp' | 'csp-report' | 'csp-path' | 'secure'

/** One thing that goes wrong, and what it truly is. */
export interface Fault {
  readonly name: string
  readonly group: FaultGroup
  readonly transport: FaultTransport
  /** Where it makes sense. Default: in both. */
  readonly modes?: readonly Mode[]
  /** The cause that a client which knew everything would tell. */
  readonly expected: string | Readonly<Record<Mode, string>>
  /**
   * What a page that may read it sees of an answer that came from elsewhere than the server, as a cause. A client that tells this,
   * with the true cause among its candidates, tells as much as there is to see.
   */
  readonly seen?: string
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
  /** How long after the first failure the answers to the client's questions may come, in milliseconds. Default: 5,500 */
  readonly questionsMs?: number
  start(site: Site): Promise<Served>
}

/** Where one fault is made, for one mode and engine. */
export interface Site {
  readonly mode: Mode
  readonly deployment: Deployment
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
  /** Once the page has been loaded, where it is of the endpoint's origin: from now on the fault strikes. */
  arm?(): Promise<void>
  /** Before the client is made. */
  before?(page: LabPage): Promise<void>
  /** Once the client is open. */
  act?(page: LabPage): Promise<void>
}

/** What a fault may do with its page. */
export interface LabPage extends EnginePage {
  setOffline?(isOffline: boolean): Promise<void>
}

export function modesOf({ modes: own = modes }: Fault, deployment: Deployment): readonly Mode[] {
  return own.filter((mode) => deployments[deployment].modes.includes(mode))
}

export function expectedOf({ expected }: Fault, mode: Mode): string {
  return typeof expected === 'string' ? expected : expected[mode]
}

export function isTolerated({ tolerated = [] }: Fault, mode: Mode, engine: EngineName): boolean {
  const engines = 'length' in tolerated ? tolerated : (tolerated[mode] ?? [])
  return engines.includes(engine)
}
