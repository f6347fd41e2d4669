import { linesOf } from '../../src/server/adapters/body-lines.ts'
import type { RequestKind } from './network.ts'

export const origin = 'https://server.example'

/** The transports with different paths, so that a middlebox can tell them apart. */
export const transports = [
  { type: 'websocket', url: `${origin}/websocket` },
  { type: 'sse', url: `${origin}/sse` },
  { type: 'long-poll', url: `${origin}/long-poll` },
  { type: 'poll', url: `${origin}/poll` },
] as const

export function requestKindOf({ pathname }: URL, body = ''): RequestKind {
  if (linesOf(body)?.[0]?.includes('"send":true')) return 'send'
  return transports.find(({ type }) => pathname === `/${type}`)?.type ?? 'poll'
}
