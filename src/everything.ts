/** All entries for a page in one module, for the script file; applications with a bundler import the entries one by one. */
export { diagnosis } from './diagnosis/index.ts'
export * from './index.ts'
export { RequestError, type RequestErrorCode, type SessionOptions, session } from './session/index.ts'
export { longPoll, poll, sse, webSocket } from './transports/built-in.ts'
