import { describe, expect, it, vi } from 'vitest'
import type { Host } from '../../src/api/host.ts'
import { followUp, type Subject } from '../../src/diagnosis/probe.ts'
import { manualPage, promised } from '../support/manual-host.ts'
import { Questions } from '../support/questions.ts'

const endpoint = 'https://api.example/realtime?tenant=7'
const ledger = { scope: 'all', sawRequest: true, sawUpgrade: false, verdict: null, offeredProtocols: ['steadfast.v1'] }

/** A follow-up on a simulated page, with its pending questions. */
function asking(subject: Partial<Subject> = {}, more: Partial<Host> = { pageOrigin: 'https://app.example' }) {
  const page = manualPage()
  const questions = new Questions()
  const controller = new AbortController()
  const listeners = {
    added: vi.spyOn(controller.signal, 'addEventListener'),
    removed: vi.spyOn(controller.signal, 'removeEventListener'),
  }
  const host: Host = { ...page.host, fetch: questions.fetch, ...more }
  const found = followUp({ url: new URL(endpoint), credentials: 'include', ...subject }, host, controller.signal)
  let isOver = false
  found.then(() => {
    isOver = true
  })
  return {
    ...page,
    questions,
    controller,
    found,
    isOver: () => isOver,
    /** To be called when the follow-up is over. */
    expectNothingLeft() {
      const told = (spy: typeof listeners.added | typeof listeners.removed) => spy.mock.calls.map(([type, run]) => [type, run])
      expect(page.clock.pending, 'timers').toBe(0)
      expect(told(listeners.removed), 'listeners').toEqual(told(listeners.added))
      expect(questions.all.filter(({ isAborted }) => !isAborted).length, 'requests that go on').toBe(0)
    },
  }
}

type Asking = ReturnType<typeof asking>

const urls = ({ questions }: Asking) => questions.all.map(({ url }) => url.href)

describe('the questions of a follow-up', () => {
  it('are four requests at once, and none of them is repeated', async () => {
    const bench = asking()
    expect(bench.questions.all.map(({ kind }) => kind)).toEqual(['readable', 'opaque', 'redirect', 'page'])
    expect(urls(bench)).toEqual([endpoint, endpoint, endpoint, 'https://app.example/'])
    bench.questions.failAll()
    await bench.pass(60_000)
    expect(bench.questions.all).toHaveLength(4)
  })

  it('have the credentials of the transport, except the opaque one and the one to the page', () => {
    const { questions } = asking({ credentials: 'omit' })
    const asked = questions.all.map(({ init: { signal: _, ...init } }) => init)
    expect(asked).toEqual([
      { cache: 'no-store', redirect: 'error', credentials: 'omit' },
      { cache: 'no-store', mode: 'no-cors' },
      { cache: 'no-store', redirect: 'manual', credentials: 'omit' },
      { cache: 'no-store' },
    ])
  })

  it('in a session name the attempt only in the readable one, which has no cookies', () => {
    const bench = asking({ attempt: 'attempt-1', credentials: 'include' })
    expect(urls(bench)).toEqual([`${endpoint}&diagnose=attempt-1`, endpoint, endpoint, 'https://app.example/'])
    expect(bench.questions.all.map(({ init }) => init.credentials)).toEqual(['omit', undefined, 'include', undefined])
  })

  it('do not change the given URL', () => {
    const url = new URL(endpoint)
    asking({ url, attempt: 'attempt-1' })
    expect(url.href).toBe(endpoint)
  })

  it.each([undefined, 'https://api.example', 'null', 'file://', 'chrome-extension://abc'])(
    "do not include the page's origin if it is %s",
    async (pageOrigin) => {
      const bench = asking({}, { pageOrigin })
      expect(urls(bench)).toEqual([endpoint, endpoint, endpoint])
      bench.questions.failAll()
      expect((await bench.found).page).toBe('none')
    },
  )
})

describe('the findings of a follow-up', () => {
  it('have the status and the type of the readable answer if all are answered', async () => {
    const bench = asking()
    bench.clock.advance(120)
    bench.questions.answerAll(404, 'text/html; charset=utf-8', '<p>')
    expect(await bench.found).toEqual({
      readable: 'answered',
      elapsedMs: 120,
      status: 404,
      contentType: 'text/html; charset=utf-8',
      opaque: 'answered',
      isRedirect: false,
      page: 'answered',
    })
  })

  it('are failed if nothing can be reached', async () => {
    const bench = asking()
    bench.clock.advance(7)
    bench.questions.failAll()
    const failed = { readable: 'failed', elapsedMs: 7, opaque: 'failed', isRedirect: false, page: 'failed' }
    expect(await bench.found).toEqual(failed)
    bench.expectNothingLeft()
  })

  it.each(['readable', 'opaque', 'page'] as const)('show that %s alone was answered', async (kind) => {
    const bench = asking()
    bench.questions.of(kind).answer(200, '')
    bench.questions.failAll()
    const { readable, opaque, page } = await bench.found
    expect({ readable, opaque, page }).toEqual({ readable: 'failed', opaque: 'failed', page: 'failed', [kind]: 'answered' })
  })

  it.each(['readable', 'opaque', 'page'] as const)('show that %s alone was silent', async (kind) => {
    const bench = asking()
    for (const question of bench.questions.all) if (question.kind !== kind) question.fail()
    await bench.pass(5000)
    const { readable, opaque, page } = await bench.found
    expect({ readable, opaque, page }).toEqual({ readable: 'failed', opaque: 'failed', page: 'failed', [kind]: 'silent' })
  })

  it('show a redirect, whatever else was answered', async () => {
    const bench = asking()
    bench.questions.of('redirect').redirect()
    bench.questions.answerAll()
    expect(await bench.found).toMatchObject({ readable: 'answered', isRedirect: true })
  })

  it('show no redirect if the question about it failed', async () => {
    const bench = asking()
    bench.questions.of('redirect').fail()
    bench.questions.answerAll()
    expect((await bench.found).isRedirect).toBe(false)
  })

  it('have the time to the headers of the readable answer', async () => {
    const bench = asking()
    bench.clock.advance(40.4)
    bench.questions.of('readable').answer(200, 'text/event-stream', null)
    await bench.pass(1000)
    bench.questions.failAll()
    expect(await bench.found).toMatchObject({ elapsedMs: 40, contentType: 'text/event-stream' })
  })

  it('show by its mark that an answer is from the server of a session', async () => {
    const problem = (answer: object) => {
      const bench = asking()
      bench.questions.of('readable').answer(400, 'application/problem+json', JSON.stringify({ status: 400, ...answer }))
      bench.questions.failAll()
      return bench.found
    }
    expect(await problem({ steadfast: 'v1', code: 4400 })).toMatchObject({ status: 400, isOfSession: true })
    expect(await problem({ title: 'Bad Request' })).not.toHaveProperty('isOfSession')
  })

  it('are complete after 5 s though the body of a problem document never ends', async () => {
    const bench = asking()
    bench.questions.of('readable').answer(400, 'application/problem+json', null)
    bench.questions.failAll()
    await bench.pass(5000)
    expect(await bench.found).toMatchObject({ readable: 'answered', status: 400 })
    bench.expectNothingLeft()
  })

  it('have an empty type if the answer has none', async () => {
    const bench = asking()
    bench.questions.answerAll(200, '')
    expect((await bench.found).contentType).toBe('')
  })
})

describe('the permission for the local network', () => {
  const asks = (state: 'granted' | 'denied' | 'prompt' | undefined) => vi.fn(() => Promise.resolve(state))
  const app = 'https://app.example'
  const failed = { readable: 'failed', opaque: 'failed' }

  it.each([
    ['denied', { localAccess: 'denied' }],
    ['prompt', { localAccess: 'prompt' }],
    ['granted', {}],
    [undefined, {}],
  ] as const)('is in the findings unless granted or unknown: %s', async (state, found) => {
    const bench = asking({}, { pageOrigin: app, localAccess: asks(state) })
    bench.questions.failAll()
    const { localAccess, readable, opaque } = await bench.found
    expect({ readable, opaque, ...(localAccess && { localAccess }) }).toEqual({ ...failed, ...found })
    bench.expectNothingLeft()
  })

  it.each([
    ['http://127.0.0.1:8080/', 'loopback'],
    ['http://printer.localhost/', 'loopback'],
    ['https://[::1]/', 'loopback'],
    ['https://192.168.1.7/', 'local'],
    ['https://172.31.0.1/', 'local'],
    ['https://[fd00::1]/', 'local'],
    ['https://printer.local/', 'local'],
    ['https://10.example.com/', 'local'],
  ])('is asked for the address space of %s', async (url, space) => {
    const localAccess = asks('denied')
    const bench = asking({ url: new URL(url) }, { pageOrigin: app, localAccess })
    bench.questions.failAll()
    await bench.found
    expect(localAccess.mock.calls).toEqual([[space]])
  })

  it.each<[string, string, (bench: Asking) => void]>([
    ['if the page may read an answer', app, ({ questions }) => questions.of('readable').answer(200, '')],
    ['if anything is answered', app, ({ questions }) => questions.of('opaque').answer(200, '')],
    ['for a page on this device', 'http://localhost:3000', () => {}],
    ['for a page in the local network', 'http://192.168.0.1', () => {}],
    ["for the page's own origin", 'https://api.example', () => {}],
  ])('is not asked for %s', async (_, pageOrigin, answer) => {
    const localAccess = asks('denied')
    const bench = asking({}, { pageOrigin, localAccess })
    answer(bench)
    bench.questions.failAll()
    expect(await bench.found).not.toHaveProperty('localAccess')
    expect(localAccess).not.toHaveBeenCalled()
  })

  it.each([
    ['throws', () => Promise.reject(new TypeError('no such permission'))],
    ['never answers', () => new Promise<never>(() => {})],
  ])('is unknown if the browser %s', async (_, localAccess) => {
    const bench = asking({}, { pageOrigin: app, localAccess })
    bench.questions.failAll()
    await bench.pass(1000)
    expect(await bench.found).not.toHaveProperty('localAccess')
    bench.expectNothingLeft()
  })
})

describe("the server's ledger", () => {
  const answeredBy = async (answer: (bench: Asking) => void, isSession = true) => {
    const bench = asking(isSession ? { attempt: 'attempt-1' } : {})
    answer(bench)
    bench.questions.failAll()
    return bench.found
  }

  it('is read from the readable answer', async () => {
    const found = await answeredBy(({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }))
    expect(found).toMatchObject({ readable: 'answered', status: 200, contentType: 'application/json', ledger })
    expect(found.ledger).toEqual(ledger)
  })

  it('is not read in plain mode', async () => {
    const found = await answeredBy(({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }), false)
    expect(found).not.toHaveProperty('ledger')
  })

  it.each<[string, (bench: Asking) => void]>([
    ['another version', ({ questions }) => questions.of('readable').json({ ...ledger, steadfast: 'v2' })],
    ['JSON without the mark', ({ questions }) => questions.of('readable').json(ledger)],
    ['the mark without a ledger', ({ questions }) => questions.of('readable').json({ steadfast: 'v1' })],
    ['the answer to another request', ({ questions }) => questions.of('readable').json({ steadfast: 'v1', taken: 3, ack: 0 })],
    ['an error', ({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }, 404)],
    ['null', ({ questions }) => questions.of('readable').json(null)],
    ['an array', ({ questions }) => questions.of('readable').json([ledger])],
    ['a string', ({ questions }) => questions.of('readable').json('steadfast')],
    ['a number', ({ questions }) => questions.of('readable').json(1)],
    ['truncated JSON', ({ questions }) => questions.of('readable').answer(200, 'application/json', '{"steadfast":"v1",')],
    ['an empty body', ({ questions }) => questions.of('readable').answer(200, 'application/json', '')],
    ['an HTML page', ({ questions }) => questions.of('readable').answer(200, 'text/html', '<p>')],
  ])('is absent if the answer is %s, which counts as an answer', async (_, answer) => {
    const found = await answeredBy(answer)
    expect(found).toMatchObject({ readable: 'answered', status: expect.any(Number), contentType: expect.any(String) })
    expect(found).not.toHaveProperty('ledger')
  })

  it.each([false, true])('is awaited for at most 5 s (fetch ignores abort: %s)', async (isDeaf) => {
    const bench = asking({ attempt: 'attempt-1' })
    bench.questions.isDeaf = isDeaf
    bench.questions.of('readable').answer(200, 'application/json', null)
    bench.questions.failAll()
    await bench.pass(4999)
    expect(bench.isOver()).toBe(false)
    await bench.pass(1)
    expect(bench.isOver()).toBe(true)
    expect(await bench.found).toMatchObject({ readable: 'answered', status: 200 })
    bench.expectNothingLeft()
  })
})

describe('the end of a follow-up', () => {
  it.each([false, true])('comes after 5 s at most, with open questions silent (fetch ignores abort: %s)', async (isDeaf) => {
    const page = manualPage()
    const questions = new Questions()
    questions.isDeaf = isDeaf
    const host: Host = { ...page.host, fetch: questions.fetch, pageOrigin: 'https://app.example' }
    const found = followUp({ url: new URL(endpoint), credentials: 'omit' }, host, new AbortController().signal)
    let isOver = false
    found.then(() => {
      isOver = true
    })
    await page.pass(4999)
    expect(isOver).toBe(false)
    await page.pass(1)
    expect(isOver).toBe(true)
    expect(await found).toEqual({ readable: 'silent', elapsedMs: 5000, opaque: 'silent', isRedirect: false, page: 'silent' })
    expect(page.clock.pending).toBe(0)
  })

  it('leaves no timer, no listener, no request and no unread body', async () => {
    const bench = asking()
    bench.questions.of('readable').answer(200, 'text/event-stream', null)
    bench.questions.of('opaque').answer(200, 'text/event-stream', null)
    bench.questions.of('redirect').answer(200, 'text/event-stream', null)
    await promised()
    expect([bench.isOver(), bench.questions.of('readable').isCancelled]).toEqual([false, true])
    bench.questions.of('page').answer()
    await bench.found
    bench.expectNothingLeft()
  })

  it('comes when it is aborted, and leaves no timer, listener or request', async () => {
    const bench = asking()
    bench.controller.abort()
    await promised()
    expect(bench.isOver()).toBe(true)
    bench.expectNothingLeft()
  })

  it('comes also if fetch throws, or does not exist', async () => {
    const throwing = () => {
      throw new TypeError('Request cannot be constructed')
    }
    for (const fetch of [throwing, undefined]) {
      const bench = asking({}, { fetch, pageOrigin: 'https://app.example' })
      expect(await bench.found).toEqual({ readable: 'failed', elapsedMs: 0, opaque: 'failed', isRedirect: false, page: 'failed' })
      bench.expectNothingLeft()
    }
  })
})
