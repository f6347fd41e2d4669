/** What a server lets happen. Each limit has a refusal of its own, and all can be changed. */
export interface Limits {
  /** One message, in bytes. @defaultValue 1_048_576 (1 MiB) */
  readonly maxMessageBytes: number
  /**
   * A frame, or what a POST brings beside its hello (64 KiB at most), in bytes. Over HTTP a message takes up to 4/3 of its bytes.
   * @defaultValue four times `maxMessageBytes`
   */
  readonly maxBatchBytes: number
  /** The URL of a request, in characters. @defaultValue 2,048 */
  readonly maxUrlLength: number
  /** What one session may have sent that no handler has done with yet, in bytes, each message counted with 64 more. What would exceed it is refused whole, before anything of it is taken; a message alone may always wait. @defaultValue 33_554_432 (32 MiB) */
  readonly maxUnhandledBytes: number
  /**
   * The same over all sessions that one principal has on this node; without `authenticate` all are of one, and it does not apply.
   * @defaultValue 67_108_864 (64 MiB)
   */
  readonly unhandledBytesPerPrincipal: number
  /**
   * The same over all sessions on this node. A quarter of it is kept for those of whom little waits, so that they find room though others
   * fill the rest.
   * @defaultValue 268_435_456 (256 MiB)
   */
  readonly unhandledBytesPerNode: number
  /** `session.data`, as JSON, in bytes. @defaultValue 65,536 */
  readonly maxDataBytes: number
  /** Frames (over HTTP: POSTs) of one session, per second; four times as many may come at once. @defaultValue 5,000 */
  readonly framesPerSecond: number
  /** Messages of one session, per second; four times as many may come at once. @defaultValue 60,000 */
  readonly messagesPerSecond: number
  /** Topics that one session may be subscribed to. @defaultValue 256 */
  readonly maxSubscriptions: number
  /** Sessions of one principal; without `authenticate` all are of one, and it does not apply. @defaultValue 1,000 */
  readonly sessionsPerPrincipal: number
  /** Sessions in all, over all nodes. @defaultValue 100,000 */
  readonly maxSessions: number
  /** Attachments that one session may have on one node, those that are about to open or to end included. @defaultValue 8 */
  readonly attachmentsPerSession: number
  /**
   * Attachments that this node takes per second, twice as many at once. Beyond it a client is told, before `authenticate` is asked,
   * when its turn is (rule 18), so set it to what the machine can take. @defaultValue 500
   */
  readonly attachmentsPerSecond: number
  /**
   * New attachments per second from one address (`trustProxy`, `addressOf`), IPv6 by /64, five times as many at once. Polls and
   * POSTs that go on with one do not count. @defaultValue 20
   */
  readonly attachmentsPerSecondPerAddress: number
  /**
   * Request bodies that are being read on this node, in all, in bytes. The first 64 KiB of each are free, so that who sends long
   * ones cannot keep out who sends short ones; before `authenticate` no more than the hello is read. @defaultValue 67,108,864 (64 MiB)
   */
  readonly maxBodyBytes: number
  /** The same of one principal, and of one address (`addressOf`), in bytes. @defaultValue 16,777,216 (16 MiB) */
  readonly bodyBytesPerClient: number
  /**
   * Long-poll and poll answers on this node that are collected and that their sockets have not taken, in all, in bytes. A client
   * that takes nothing for 30 s loses its connection. @defaultValue 67,108,864 (64 MiB)
   */
  readonly maxAnswerBytes: number
  /** The same of one principal, and of one address (`addressOf`), in bytes. @defaultValue 16,777,216 (16 MiB) */
  readonly answerBytesPerClient: number
  /**
   * How long nothing may come of a request's body, in milliseconds, and how long it may take in all beside one second for each
   * 5 kB of it; the hello has to come within it. `Infinity` for as long as it likes. @defaultValue 10,000
   */
  readonly bodyTimeoutMs: number
  /** How long `authenticate` may take, in milliseconds; `Infinity` for as long as it likes. @defaultValue 10,000 */
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
