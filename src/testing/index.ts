/** `steadfast/testing`: a fake server, for unit tests of applications. */

import type { Codec } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import { checkServerOptions } from './check-options.ts'
import { FakeServer as Server } from './fake-server.ts'
import type { FakeServerOptions } from './switchboard.ts'

export type { AllowedPublication, AllowedSubscription } from './application.ts'
export type { Dial, Ending, MessageDetails, Refusal } from './contracts.ts'
export type { FakeRequest } from './request.ts'
export type { FakeSession } from './session.ts'
export type { FakeConnection, FakeServerOptions } from './switchboard.ts'
export type { FakeMember } from './topics.ts'

/** The result of `createFakeServer()`. */
export type FakeServer<In = Payload | ArrayBufferView, Out = Payload> = Server<In, Out>

/**
 * Creates a server and the network to it, in memory: the client is the real one, with its reconnects, its outbox and its events,
 * and the test plays everything beneath it. It works in Node, happy-dom and jsdom, with real timers and fake ones.
 *
 * @throws TypeError for an invalid option
 * @example
 * const server = createFakeServer()
 * const client = new RealtimeClient('/realtime', server.options)
 * const connection = await server.nextConnection()
 * connection.send('hello')
 */
export function createFakeServer(options?: FakeServerOptions<Payload | ArrayBufferView, Payload>): FakeServer
export function createFakeServer<In, Out>(
  options: FakeServerOptions<In, Out> & { readonly codec: Codec<Out, In> },
): FakeServer<In, Out>
export function createFakeServer<In, Out>(options: FakeServerOptions<In, Out> = {}): FakeServer<In, Out> {
  checkServerOptions(options)
  return new Server(options)
}
