export type { Answer, Ask, Payload, Protocol, Question, Received } from '../api/protocol.ts'
export { betterSse } from './better-sse.ts'
export { type NchanSettings, nchan } from './nchan.ts'
export { type PlainSettings, plain } from './plain.ts'
