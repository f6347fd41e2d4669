import type { EngineName, EnginePage } from '../support/engines.ts'
import type { Certificates } from './certificates.ts'

/** `plain`: an ordinary server. `session`: a `RealtimeServer`. The fault is in front of it. */
export type Mode = 'plain' | 'session'

export const modes: readonly Mode[] = ['plain', 'session']

/**
 * The arrangement of page, server and network. `cors`: the server has another origin and lets the page read its answers.
 * `same-origin`: both have the same origin. `no-cors`: another origin, and the server sends no CORS headers. `boxes`: a session
 * of the same origin, with a proxy, a firewall, a portal or a service worker in between.
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
 * `bare`: no policy. `csp`: the page may connect to its own origin only, or nowhere if that is the endpoint's origin.
 * `csp-report`: the same policy, report-only. `csp-path`: connections to the endpoint's paths only. `secure`: over https.
 */
export type PageKind = 'bare' | 'csp' | 'csp-report' | 'csp-path' | 'secure'

/** A fault with its true cause. */
export interface Fault {
  readonly name: string
  readonly group: FaultGroup
  readonly transport: FaultTransport
  /** The modes in which it makes sense. Default: both. */
  readonly modes?: readonly Mode[]
  /** The cause that an omniscient client would report. */
  readonly expected: string | Readonly<Record<Mode, string>>
  /**
   * The cause that a readable answer from elsewhere than the server suggests to a page. A client that reports it, with the true
   * cause among its candidates, reports as much as can be seen.
   */
  readonly seen?: string
  /** Whether it affects open connections, so that later failures to connect do not count. */
  readonly isAfterOpen?: boolean
  /** Options of a client in plain mode, as plain data; in a session the server determines them. */
  readonly inPlain?: {
    readonly options?: Readonly<Record<string, unknown>>
    /** Options of the transport. */
    readonly settings?: Readonly<Record<string, unknown>>
  }
  /** Engines in which the connection works nevertheless, so that there is nothing to report; by mode if that differs. */
  readonly tolerated?: readonly EngineName[] | Readonly<Partial<Record<Mode, readonly EngineName[]>>>
  /** Engines in which the lab cannot produce the fault, with the reason. */
  readonly notIn?: Readonly<Partial<Record<EngineName, string>>>
  /** The page in which the client runs. Default: `bare` */
  readonly page?: PageKind
  /** Whether it needs a page of its own, because it affects the page or its network. */
  readonly isAlone?: boolean
  /** How long the client may take to report everything, in milliseconds. Default: 12,000 */
  readonly patienceMs?: number
  /** How long after the first failure the answers to the client's questions may come, in milliseconds. Default: 5,500 */
  readonly questionsMs?: number
  start(site: Site): Promise<Served>
}

/** The environment of one fault, for one mode and engine. */
export interface Site {
  readonly mode: Mode
  readonly deployment: Deployment
  /** A loopback address of its own, so that what an engine remembers of one host does not affect another fault. */
  readonly ip: string
  /** The working server. */
  readonly backend: Backend
  readonly certificates: Certificates
}

/** A working server on 127.0.0.1. */
export interface Backend {
  readonly port: number
  pathOf(transport: FaultTransport): string
}

/** A fault that is ready for its client. */
export interface Served extends AsyncDisposable {
  readonly url: string
  /** URLs that the page requests and keeps open before the client is created. */
  readonly heldUrls?: readonly string[]
  /** Called once the page of the endpoint's origin has been loaded: the fault takes effect from now on. */
  arm?(): Promise<void>
  /** Called before the client is created. */
  before?(page: LabPage): Promise<void>
  /** Called once the client is open. */
  act?(page: LabPage): Promise<void>
}

/** The page of a fault, with the actions that some engines support. */
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
