/** Limits on what clients may use of a server. Each limit has its own refusal, and each can be changed. */
export interface Limits {
  /** The size of one message, in bytes. @defaultValue 1_048_576 (1 MiB) */
  readonly maxMessageBytes: number
  /**
   * The size of one frame, or of a POST's body without its hello (64 KiB at most), in bytes. Over HTTP a message takes up to 4/3
   * of its size.
   * @defaultValue four times `maxMessageBytes`
   */
  readonly maxBatchBytes: number
  /** The length of a request's URL, in characters. @defaultValue 2,048 */
  readonly maxUrlLength: number
  /**
   * Messages of one session whose handlers have not settled, in bytes, with 64 bytes of overhead for each. A batch that would
   * exceed it is refused as a whole; a single message is accepted at any size if no other one is waiting.
   * @defaultValue 33_554_432 (32 MiB)
   */
  readonly maxUnhandledBytes: number
  /**
   * The same for all sessions of one principal on this node; not applied without `authenticate`: all clients are one principal.
   * @defaultValue 67_108_864 (64 MiB)
   */
  readonly unhandledBytesPerPrincipal: number
  /**
   * The same for all sessions on this node. A quarter of it is reserved for principals (without `authenticate`: sessions) with
   * few bytes waiting, so that they are still served when others fill the rest.
   * @defaultValue 268_435_456 (256 MiB)
   */
  readonly unhandledBytesPerNode: number
  /** The size of `session.data` as JSON, in bytes. @defaultValue 65,536 */
  readonly maxDataBytes: number
  /** Frames (over HTTP: POSTs) of one session, per second; a burst may have four times as many. @defaultValue 5,000 */
  readonly framesPerSecond: number
  /** Messages of one session, per second; a burst may have four times as many. @defaultValue 60,000 */
  readonly messagesPerSecond: number
  /** Topics that one session may be subscribed to. @defaultValue 256 */
  readonly maxSubscriptions: number
  /** Sessions of one principal; not applied without `authenticate`, where all clients share one principal. @defaultValue 1,000 */
  readonly sessionsPerPrincipal: number
  /** Sessions in total, on all nodes. @defaultValue 100,000 */
  readonly maxSessions: number
  /** Attachments that one session may have on one node, including those that are opening or ending. @defaultValue 8 */
  readonly attachmentsPerSession: number
  /**
   * New attachments on this node, per second; a burst may have twice as many. A client beyond it is refused before `authenticate`
   * is called, and receives the time at which it may attach (rule 18), so set the limit to what the machine can handle.
   * @defaultValue 500
   */
  readonly attachmentsPerSecond: number
  /**
   * New attachments per second from one address (`trustProxy`, `addressOf`), IPv6 by /64; a burst may have five times as many. Polls and
   * POSTs that continue an attachment do not count.
   * @defaultValue 20
   */
  readonly attachmentsPerSecondPerAddress: number
  /**
   * Request bodies that this node is reading, in total, in bytes. The first 64 KiB of each are not counted, so that senders of
   * long bodies cannot starve senders of short ones; before `authenticate` the server reads only the hello.
   * @defaultValue 67,108,864 (64 MiB)
   */
  readonly maxBodyBytes: number
  /** The same for one principal, and for one address (`addressOf`), in bytes. @defaultValue 16,777,216 (16 MiB) */
  readonly bodyBytesPerClient: number
  /**
   * Long-poll and poll answers on this node that are buffered and not yet written to their sockets, in total, in bytes. A client
   * whose socket accepts nothing for 30 s loses its connection.
   * @defaultValue 67,108,864 (64 MiB)
   */
  readonly maxAnswerBytes: number
  /** The same for one principal, and for one address (`addressOf`), in bytes. @defaultValue 16,777,216 (16 MiB) */
  readonly answerBytesPerClient: number
  /**
   * The longest pause within a request's body, in milliseconds; the whole body may take that long plus one second for each 5 kB,
   * and the hello has to arrive within it. `Infinity` for no limit.
   * @defaultValue 10,000
   */
  readonly bodyTimeoutMs: number
  /** Timeout of `authenticate`, and of `acceptSession`, in milliseconds; `Infinity` for no limit. @defaultValue 10,000 */
  readonly authenticateTimeoutMs: number
}

export const defaultLimits: Limits = {
  maxMessageBytes: 1_048_576,
  maxBatchBytes: 4_194_304,
  maxUrlLength: 2048,
  maxUnhandledBytes: 33_554_432,
  unhandledBytesPerPrincipal: 67_108_864,
  unhandledBytesPerNode: 268_435_456,
  maxDataBytes: 65_536,
  framesPerSecond: 5000,
  messagesPerSecond: 60_000,
  maxSubscriptions: 256,
  sessionsPerPrincipal: 1000,
  maxSessions: 100_000,
  attachmentsPerSession: 8,
  attachmentsPerSecond: 500,
  attachmentsPerSecondPerAddress: 20,
  maxBodyBytes: 67_108_864,
  bodyBytesPerClient: 16_777_216,
  maxAnswerBytes: 67_108_864,
  answerBytesPerClient: 16_777_216,
  bodyTimeoutMs: 10_000,
  authenticateTimeoutMs: 10_000,
}
