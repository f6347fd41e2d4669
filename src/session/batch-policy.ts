import type { Report } from '../api/evidence.ts'
import { rulingOf } from '../diagnosis/verdicts.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { retryPauseMs } from './retry-pause.ts'

/** What follows from a batch that passed, or did not. */
export type BatchRuling =
  | { readonly do: 'write' }
  /** The server is asked what it has taken, after so long; until then nothing is written. */
  | { readonly do: 'ask'; readonly delayMs: number }
  /** Messages that never pass: what is behind them is written. */
  | { readonly do: 'withdraw'; readonly from: number; readonly to: number; readonly report: Report }
  | { readonly do: 'break'; readonly report: Report }

const write: BatchRuling = { do: 'write' }

/**
 * How large a batch may be, and whether a request that failed is repeated, divided or given up (docs/PROTOCOL.md, rule 10). It knows
 * no link and no clock.
 */
export class BatchPolicy {
  #maxBytes = Infinity
  /** The numbers of the last batch, and its size as it was measured. */
  #last = { from: 0, to: 0, bytes: 0 }
  /** Requests that failed in a row. */
  #failures = 0
  /** How often in a row the last batch failed, or was answered and not taken. */
  #refusals = 0
  #lastFailure: Report = { kind: 'silent' }

  /** Halved each time that a batch is called too large, until one is acknowledged. */
  get maxBytes(): number {
    return this.#maxBytes
  }

  /** The first number of the last batch. */
  get from(): number {
    return this.#last.from
  }

  /** Whether the last batch was refused by a server with another store than the one that opened the session. */
  get hasMetOtherStore(): boolean {
    return this.#lastFailure.kind === 'closed' && this.#lastFailure.reason === 'another store'
  }

  /** A new link: what failed on the one before says nothing of it. */
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
   * A request passed. Where one before it did not, its answer said what the server has taken of that.
   * @param hadBatch whether it carried the last batch
   * @param taken the highest number that the server has taken
   */
  passed(hadBatch: boolean, taken: number): BatchRuling {
    const { from, to } = this.#last
    this.#failures = 0
    // The server answers, and takes nothing: once more at once, and then behind the waits of a reconnect.
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
      // What a server says of itself is not about the message.
      const report = this.#lastFailure
      return isAboutServer(report) ? { do: 'break', report } : this.#divide(report)
    }
    // Once more, and alone: what might join it may be to blame another time.
    else this.#maxBytes = 0
    return write
  }

  /**
   * A request failed. The next one carries nothing: where that passes, it is what this one carried that does not.
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

  /** The server ended a WebSocket because of a frame: any frame under way may be meant, until one is sent alone. */
  tooLarge(frameBytes: number): BatchRuling {
    if (this.#maxBytes < Infinity) return this.#divide({ kind: 'too-large' })
    this.#maxBytes = frameBytes / 2
    return write
  }

  /** The last batch does not pass: half of it next, and a single message never again. */
  #divide(report: Report): BatchRuling {
    const { from, to, bytes } = this.#last
    this.#refusals = 0
    this.#maxBytes = from === to ? Infinity : bytes / 2
    return from === to ? { do: 'withdraw', from, to, report } : write
  }
}

/** Whether something on the way refuses what it saw. A gateway that answers in place of a server loses messages at random. */
function wasRefused(report: Report): boolean {
  return report.kind === 'answered' && rulingOf(`http.${report.status}`, false).verdict !== 'retry'
}

/** Whether the server has answered that it restarts, has no store for now, or has too much to do. */
function isAboutServer(report: Report): boolean {
  return report.kind === 'closed' && (report.code === codes.restarting || report.code === codes.tooMany)
}
