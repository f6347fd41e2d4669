import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/api/host.ts'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { withDefaults } from '../../src/client/defaults.ts'
import { type Settings, settingsOf } from '../../src/client/settings.ts'
import { Classifier } from '../../src/diagnosis/classifier.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'
import { FailureProber } from '../../src/diagnosis/failure-prober.ts'
import { diagnosis } from '../../src/diagnosis/index.ts'
import type { Verdict } from '../../src/diagnosis/verdicts.ts'
import { hostNames } from '../../src/host/browser.ts'
import { answered, cut, heard } from '../support/evidence.ts'
import { type ManualHostOptions, manualPage } from '../support/manual-host.ts'

interface Setting extends ManualHostOptions {
  readonly engine?: Engine
  readonly pageOrigin?: string
  readonly isSession?: boolean
}

function judgeOf(options: Pick<RealtimeOptions, 'judge' | 'causes'> = {}, setting: Setting = {}) {
  const { engine = 'other', pageOrigin, isSession = false } = setting
  const page = manualPage(setting)
  const host = { ...page.host, engine: () => engine, pageOrigin }
  const judge = new Classifier(host, isSession ? { isSession } : {}, { diagnosis, ...options })
  const settings: Settings = settingsOf('https://user:word@api.example/realtime?token=secret', withDefaults({}), host, hostNames)
  const [endpoint = null] = settings.endpoints
  const context = { host, mayAsk: true, transports: ['websocket'], credentials: 'omit', hasLedger: false } as const
  return {
    judge,
    page,
    investigator: new FailureProber({ ...context, spreadMs: () => null, onLearned() {} }),
    of: (report: Parameters<Classifier['classify']>[0] = cut) =>
      judge.classify(report, { endpoint, phase: 'connect', elapsedMs: 7 }),
  }
}

const bare = { transport: 'websocket', phase: 'connect', elapsedMs: 7, isOnline: true, url: 'https://api.example/realtime' }

describe('the circumstances in the evidence', () => {
  it('include what is known, and the URL without credentials and query', () => {
    expect(judgeOf().of().evidence).toEqual({ ...cut, ...bare })
  })

  it('include the engine, the secure page, the session, the visibility and the network state', () => {
    const setting = {
      engine: 'webkit',
      pageOrigin: 'https://app.example',
      isSession: true,
      isHidden: true,
      isOnline: false,
    } as const
    expect(judgeOf({}, setting).of().evidence).toEqual({
      ...cut,
      ...bare,
      engine: 'webkit',
      isSecurePage: true,
      isSession: true,
      isHidden: true,
      isOnline: false,
    })
    expect(judgeOf({}, { pageOrigin: 'http://app.example' }).of().evidence).not.toHaveProperty('isSecurePage')
  })

  it('include the round trip time, which transports have been open, and a CSP violation', () => {
    const { judge, of, investigator } = judgeOf()
    judge.roundTripMs = 40
    judge.opened('sse')
    expect(of().evidence).toEqual({ ...cut, ...bare, roundTripMs: 40, hasServed: true })
    judge.opened('websocket')
    judge.prober = investigator
    investigator.forbade('wss://api.example', 'connect-src')
    expect(of().evidence).toEqual({
      ...cut,
      ...bare,
      roundTripMs: 40,
      hasServed: true,
      hasOpened: true,
      violation: 'connect-src',
    })
  })

  it('have no transport and no URL if the failure concerns no attempt', () => {
    const { judge } = judgeOf()
    const { evidence } = judge.classify({ kind: 'hidden' }, { endpoint: null, phase: 'open', elapsedMs: 0 })
    expect(evidence).toEqual({ kind: 'hidden', phase: 'open', transport: '', elapsedMs: 0, isOnline: true })
  })

  it('are kept when reclassify() judges the failure again with further facts', () => {
    const { judge, of } = judgeOf({}, { engine: 'firefox' })
    const first = of()
    const again = judge.reclassify(first, { followUp: heard(503), isRepeated: true })
    expect(again).toMatchObject({ cause: 'http.503', certainty: 'likely' })
    expect(again.evidence).toEqual({ ...first.evidence, followUp: heard(503), isRepeated: true })
  })
})

describe('judge()', () => {
  const refused = answered(401)

  it('does not change the diagnosis if it returns undefined or the same verdict', () => {
    expect(judgeOf({ judge: () => undefined }).of(refused)).toEqual(judgeOf().of(refused))
    expect(judgeOf({ judge: () => 'stop' }).of(refused)).toEqual(judgeOf().of(refused))
  })

  it('overrules the verdict, which removes the hint', () => {
    const { of } = judgeOf({ judge: () => 'retry' })
    expect(of(refused)).toMatchObject({ verdict: 'retry', cause: 'http.401' })
    expect(of(refused)).not.toHaveProperty('hint')
  })

  it("receives the verdicts of the application's own causes, and can overrule them", () => {
    const heardOf: Diagnosis[] = []
    const { of } = judgeOf({
      causes: { 402: { message: 'The plan has ended.', verdict: 'stop' } },
      judge(diagnosis): Verdict {
        heardOf.push(diagnosis)
        return 'retry'
      },
    })
    expect(of(answered(402))).toMatchObject({ message: 'The plan has ended.', verdict: 'retry' })
    expect(heardOf).toMatchObject([{ message: 'The plan has ended.', verdict: 'stop' }])
  })

  it('is called again when the failure is reclassified', () => {
    const { judge, of } = judgeOf({ judge: ({ cause }) => (cause === 'http.503' ? 'stop' : undefined) })
    const first = of()
    expect([first.verdict, judge.reclassify(first, { followUp: heard(503) }).verdict]).toEqual(['fallback', 'stop'])
  })

  it('that throws is reported, and the diagnosis does not change', () => {
    const error = new Error('mistake')
    const { page, of } = judgeOf({
      judge() {
        throw error
      },
    })
    expect(of(refused)).toEqual(judgeOf().of(refused))
    expect(page.reported).toEqual([error])
  })
})
