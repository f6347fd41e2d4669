import type { Prober } from '../api/diagnostics.ts'
import type { Circumstances, Evidence, Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Endpoint } from '../client/settings.ts'
import { basicDiagnosis } from './basic.ts'
import type { Diagnosis } from './diagnose.ts'

/** The place and time of a failure. */
export interface Occasion {
  /** The dialled endpoint; `null` if the failure belongs to no attempt. */
  readonly endpoint: Endpoint | null
  /** The dialled URL, if it is not the endpoint's. */
  readonly url?: URL
  readonly phase: Circumstances['phase']
  readonly elapsedMs: number
  readonly hasHeard?: boolean
}

const none: readonly string[] = []

/** Diagnoses failures, and lets the application override the verdict (option `judge`). */
export class Classifier {
  /** The last known round trip, in milliseconds. */
  roundTripMs: number | null = null
  /** Created at the first failure, since most clients of a page never need it. */
  prober: Prober | null = null
  readonly #host: Host
  readonly #always: Partial<Circumstances>
  readonly #options: Pick<RealtimeOptions, 'judge' | 'causes' | 'diagnosis'>
  /** The transports over which the client has been connected. */
  #opened: readonly string[] = none

  /** @param always the circumstances that all failures share */
  constructor(host: Host, always: Partial<Circumstances>, options: Pick<RealtimeOptions, 'judge' | 'causes' | 'diagnosis'>) {
    this.#host = host
    this.#always = always
    this.#options = options
  }

  /** Records that this transport has opened. */
  opened(type: string): void {
    if (!this.#opened.includes(type)) this.#opened = this.#opened.concat(type)
  }

  /** Diagnoses the report of a transport. */
  classify(report: Report, { endpoint, url = endpoint?.url.get(), ...occasion }: Occasion): Diagnosis {
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

  /** Diagnoses again, with additional circumstances. */
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
