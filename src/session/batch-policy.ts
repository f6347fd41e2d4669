import type { Report } from '../api/evidence.ts'
import { rulingOf } from '../diagnosis/verdicts.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { retryPauseMs } from './retry-pause.ts'

/** The decision after a batch that was accepted, or failed. */
export type BatchRuling =
  | { readonly do: 'write' }
  /** Asks the server what it has taken, after a delay; until then nothing is written. */
  | { readonly do: 'ask'; readonly delayMs: number }
  /** Gives up messages that are never accepted; later ones are written. */
  | { readonly do: 'withdraw'; readonly from: number; readonly to: number; readonly report: Report }
  | { readonly do: 'break'; readonly report: Report }

const write: BatchRuling = { do: 'write' }

/**
 * How large a batch may be, and whether a failed request is repeated, divided or given up (docs/PROTOCOL.md, rule 10). It knows
 * no link and no clock.
 */
export class BatchPolicy {
  #maxBytes = Infinity
  /** The numbers of the last batch, and its measured size. */
  #last = { from: 0, to: 0, bytes: 0 }
  /** The number of requests that failed in a row. */
  #failures = 0
  /** How often in a row the last batch failed, or got a response and was not taken. */
  #refusals = 0
  #lastFailure: Report = { kind: 'silent' }

  /** The limit of a batch: halved whenever one is refused as too large, until one is acknowledged. */
  get maxBytes(): number {
    return this.#maxBytes
  }

  /** The first number of the last batch. */
  get from(): number {
    return this.#last.from
  }

  /** A new link: failures of the previous one say nothing about it. */
  attached(): void {
    this.#lastFailure = { kind: 'silent' }
    this.#failures = this.#refusals = 0
  }

  written(from: number, count: number, bytes: number): void {
    this.#last = { from, to: from + count - 1, bytes }
  }

  acknowledged(n: number): void {
    if (n >= this.#last.to) this.#maxBytes = Infinity
  }

  /**
   * A request was answered. If one before it failed, this answer says how much of that one the server has taken.
   * @param hadBatch whether the request carried the last batch
   * @param taken the highest number that the server has taken
   */
  passed(hadBatch: boolean, taken: number): BatchRuling {
    const { from, to } = this.#last
    this.#failures = 0
    // The server answers but takes nothing: the batch is repeated once at once, then with the backoff of a reconnect.
    if (hadBatch && taken < from) {
      this.#refusals += 1
      if (this.#refusals === 1) return write
      return {
        do: 'break',
        report: { kind: 'closed', code: codes.internal, reason: 'nothing is taken', wasClean: true },
      }
    }
    const isRefused = wasRefused(this.#lastFailure)
    if (hadBatch || taken >= from) {
      this.#refusals = 0
      this.#maxBytes ||= Infinity
    } else if ((isRefused && from < to) || this.#refusals >= (isRefused ? 2 : 5)) {
      // A refusal that concerns the server itself is not about the message.
      const report = this.#lastFailure
      return isAboutServer(report) ? { do: 'break', report } : this.#divide(report)
    }
    // The message is repeated alone, since another one in its batch could be to blame next time.
    else this.#maxBytes = 0
    return write
  }

  /**
   * A request failed. The next one carries no message: if it is answered, the failure was due to the messages of this one.
   * @param random from 0 to 1, for the pause
   */
  failed(report: Report, hadBatch: boolean, random: number): BatchRuling {
    if (hadBatch) {
      this.#refusals += 1
      this.#lastFailure = report
    }
    this.#failures += 1
    if (report.kind === 'closed' && report.code === codes.tooLarge) return this.#divide({ kind: 'too-large' })
    const delayMs = retryPauseMs(report, this.#failures, random)
    return delayMs === null ? { do: 'break', report } : { do: 'ask', delayMs }
  }

  /** The server closed a WebSocket because of a frame: it may be any frame in transit, until one is sent alone. */
  tooLarge(frameBytes: number): BatchRuling {
    if (this.#maxBytes < Infinity) return this.#divide({ kind: 'too-large' })
    this.#maxBytes = frameBytes / 2
    return write
  }

  /** The last batch is not accepted: half of it is sent next; a single message is given up. */
  #divide(report: Report): BatchRuling {
    const { from, to, bytes } = this.#last
    this.#refusals = 0
    this.#maxBytes = from === to ? Infinity : bytes / 2
    return from === to ? { do: 'withdraw', from, to, report } : write
  }
}

/** Whether an intermediary refuses the content. An error of a gateway in place of its server is random, so it does not count. */
function wasRefused(report: Report): boolean {
  return report.kind === 'answered' && rulingOf(`http.${report.status}`, false).verdict !== 'retry'
}

/** Whether the server has answered that it restarts, has no store at present, or is overloaded. */
function isAboutServer(report: Report): boolean {
  return report.kind === 'closed' && (report.code === codes.restarting || report.code === codes.tooMany)
}
