/** What a server lets happen. Each limit has a refusal of its own, and all can be changed. */
export interface Limits {
  /** One message, in bytes. @defaultValue 1_048_576 (1 MiB) */
  readonly maxMessageBytes: number
  /** A frame, or the body of one POST, in bytes. @defaultValue four times `maxMessageBytes` */
  readonly maxBatchBytes: number
  /** The URL of a request, in characters. @defaultValue 2,048 */
  readonly maxUrlLength: number
  /** What one session may have sent that no handler has done with yet, in bytes, each message counted with 64 more. @defaultValue 33_554_432 (32 MiB) */
  readonly maxUnhandledBytes: number
  /** `session.data`, as JSON, in bytes. @defaultValue 65,536 */
  readonly maxDataBytes: number
  /** Frames (over HTTP: POSTs) of one session, per second; four times as many may come at once. @defaultValue 5,000 */
  readonly framesPerSecond: number
  /** Topics that one session may be subscribed to. @defaultValue 256 */
  readonly maxSubscriptions: number
  /** Sessions of one principal; without `authenticate` all are of one, and it does not apply. @defaultValue 1,000 */
  readonly sessionsPerPrincipal: number
  /** Sessions in all, over all nodes. @defaultValue 100,000 */
  readonly maxSessions: number
  /** Attachments that one session may have on one node. @defaultValue 8 */
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
   * How long a request's body may take, in milliseconds, beside one second for each 5 kB of it. @defaultValue 10,000
   */
  readonly bodyTimeoutMs: number
  /** How long `authenticate` may take, in milliseconds. @defaultValue 10,000 */
  readonly authenticateTimeoutMs: number
}

export const defaultLimits: Limits = {
  maxMessageBytes: 1_048_576,
  maxBatchBytes: 4_194_304,
  maxUrlLength: 2048,
  maxUnhandledBytes: 33_554_432,
  maxDataBytes: 65_536,
  framesPerSecond: 5000,
  maxSubscriptions: 256,
  sessionsPerPrincipal: 1000,
  maxSessions: 100_000,
  attachmentsPerSession: 8,
  attachmentsPerSecond: 500,
  attachmentsPerSecondPerAddress: 20,
  bodyTimeoutMs: 10_000,
  authenticateTimeoutMs: 10_000,
}
