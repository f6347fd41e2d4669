/** All that there is for a page, for the script file: what an app with a bundler imports from the entries one by one. */
export { diagnosis } from './diagnosis/index.ts'
export * from './index.ts'
export { RequestError, type RequestErrorCode, type SessionOptions, session } from './session/index.ts'
export { longPoll, poll, sse, webSocket } from './transports/built-in.ts'
