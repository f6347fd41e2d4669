import type { Prober } from '../api/diagnostics.ts'
import type { Circumstances, Evidence, Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Endpoint } from '../client/settings.ts'
import { basicDiagnosis } from './basic.ts'
import type { Diagnosis } from './diagnose.ts'

/** Where and when something went wrong. */
export interface Occasion {
  /** What was dialled; `null` where no attempt is concerned. */
  readonly endpoint: Endpoint | null
  /** Where it led, if not to the way's own URL. */
  readonly url?: URL
  readonly phase: Circumstances['phase']
  readonly elapsedMs: number
  readonly hasHeard?: boolean
}

const none: readonly string[] = []

/** Makes diagnoses, and gives the application the last word on the verdict. */
export class Classifier {
  /** The last known round trip, in milliseconds. */
  roundTripMs: number | null = null
  /** Made when something fails for the first time: an idle client in a page has no use for it. */
  prober: Prober | null = null
  readonly #host: Host
  readonly #always: Partial<Circumstances>
  readonly #options: Pick<RealtimeOptions, 'judge' | 'causes' | 'diagnosis'>
  /** The transports that have been open. */
  #opened: readonly string[] = none

  /** @param always what is known of every failure */
  constructor(host: Host, always: Partial<Circumstances>, options: Pick<RealtimeOptions, 'judge' | 'causes' | 'diagnosis'>) {
    this.#host = host
    this.#always = always
    this.#options = options
  }

  /** This transport works here, or did. */
  opened(type: string): void {
    if (!this.#opened.includes(type)) this.#opened = this.#opened.concat(type)
  }

  /** Of what a transport reports. */
  classify(report: Report, { endpoint, url = endpoint?.url, ...occasion }: Occasion): Diagnosis {
    const host = this.#host
    const { roundTripMs } = this
    const engine = host.engine()
    const transport = endpoint?.transport.type ?? ''
    return this.#judged({
      ...report,
      ...occasion,
      transport,
      isOnline: host.isOnline(),
      ...(host.isHidden() && { isHidden: true }),
      ...(engine !== 'other' && { engine }),
      ...(host.pageOrigin?.startsWith('https:') && { isSecurePage: true }),
      ...this.#always,
      ...(roundTripMs && { roundTripMs }),
      ...(this.#opened.includes(transport) && { hasOpened: true }),
      ...(this.#opened.length > 0 && { hasServed: true }),
      ...(url && url.origin === host.pageOrigin && { isSameOrigin: true }),
      ...(url && { url: url.origin + url.pathname, ...this.prober?.about(transport, url, occasion.phase === 'open') }),
    })
  }

  /** Once more, with what is known by now. */
  reclassify({ evidence }: Diagnosis, learned: Partial<Circumstances>): Diagnosis {
    return this.#judged({ ...evidence, ...learned })
  }

  #judged(evidence: Evidence): Diagnosis {
    const { causes, judge: overrule, diagnosis: diagnostics } = this.#options
    const diagnosis = (diagnostics?.diagnose ?? basicDiagnosis)(evidence, causes)
    let verdict: Diagnosis['verdict'] | undefined
    try {
      verdict = overrule?.(diagnosis)
    } catch (error) {
      this.#host.report(error)
    }
    if (verdict === undefined || verdict === diagnosis.verdict) return diagnosis
    const { hint, ...rest } = diagnosis
    return { ...rest, verdict }
  }
}
