import { describe, expect, it, vi } from 'vitest'
import type { Host } from '../../src/api/host.ts'
import { followUp, type Subject } from '../../src/diagnosis/probe.ts'
import { manualPage, promised } from '../support/manual-host.ts'
import { Questions } from '../support/questions.ts'

const endpoint = 'https://api.example/realtime?tenant=7'
const ledger = { scope: 'all', sawRequest: true, sawUpgrade: false, verdict: null, offeredProtocols: ['steadfast.v1'] }

/** The questions on their way, on a page of plain values. */
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
    ...{ ...page, questions, controller, found },
    isOver: () => isOver,
    /** After it is over. */
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

describe('the questions', () => {
  it('are four, at once, and none of them is sent again', async () => {
    const bench = asking()
    expect(bench.questions.all.map(({ kind }) => kind)).toEqual(['readable', 'opaque', 'redirect', 'page'])
    expect(urls(bench)).toEqual([endpoint, endpoint, endpoint, 'https://app.example/'])
    bench.questions.failAll()
    await bench.pass(60_000)
    expect(bench.questions.all).toHaveLength(4)
  })

  it('are asked as the transport would ask, but for the one whose answer nobody may read', () => {
    const { questions } = asking({ credentials: 'omit' })
    const asked = questions.all.map(({ init: { signal: _, ...init } }) => init)
    expect(asked).toEqual([
      { cache: 'no-store', redirect: 'error', credentials: 'omit' },
      { cache: 'no-store', mode: 'no-cors' },
      { cache: 'no-store', redirect: 'manual', credentials: 'omit' },
      { cache: 'no-store' },
    ])
  })

  it('in a session the one that can be read is about the attempt, and without cookies; no other names it', () => {
    const bench = asking({ attempt: 'attempt-1', credentials: 'include' })
    expect(urls(bench)).toEqual([`${endpoint}&diagnose=attempt-1`, endpoint, endpoint, 'https://app.example/'])
    expect(bench.questions.all.map(({ init }) => init.credentials)).toEqual(['omit', undefined, 'include', undefined])
  })

  it('leave the URL that they are given as it is', () => {
    const url = new URL(endpoint)
    asking({ url, attempt: 'attempt-1' })
    expect(url.href).toBe(endpoint)
  })

  it.each([undefined, 'https://api.example', 'null', 'file://', 'chrome-extension://abc'])(
    "do not include the page's origin where that is %s",
    async (pageOrigin) => {
      const bench = asking({}, { pageOrigin })
      expect(urls(bench)).toEqual([endpoint, endpoint, endpoint])
      bench.questions.failAll()
      expect((await bench.found).page).toBe('none')
    },
  )
})

describe('the answers', () => {
  it('where all is well', async () => {
    const bench = asking()
    bench.clock.advance(120)
    bench.questions.answerAll(404, 'text/html; charset=utf-8', '<p>')
    expect(await bench.found).toEqual({
      ...{ readable: 'answered', elapsedMs: 120, status: 404, contentType: 'text/html; charset=utf-8' },
      ...{ opaque: 'answered', isRedirect: false, page: 'answered' },
    })
  })

  it('where nothing can be reached', async () => {
    const bench = asking()
    bench.clock.advance(7)
    bench.questions.failAll()
    const failed = { readable: 'failed', elapsedMs: 7, opaque: 'failed', isRedirect: false, page: 'failed' }
    expect(await bench.found).toEqual(failed)
    bench.expectNothingLeft()
  })

  it.each(['readable', 'opaque', 'page'] as const)('are told apart: %s alone is answered', async (kind) => {
    const bench = asking()
    bench.questions.of(kind).answer(200, '')
    bench.questions.failAll()
    const { readable, opaque, page } = await bench.found
    expect({ readable, opaque, page }).toEqual({ readable: 'failed', opaque: 'failed', page: 'failed', [kind]: 'answered' })
  })

  it.each(['readable', 'opaque', 'page'] as const)('are told apart: %s alone is silent', async (kind) => {
    const bench = asking()
    for (const question of bench.questions.all) if (question.kind !== kind) question.fail()
    await bench.pass(5000)
    const { readable, opaque, page } = await bench.found
    expect({ readable, opaque, page }).toEqual({ readable: 'failed', opaque: 'failed', page: 'failed', [kind]: 'silent' })
  })

  it('a redirection is one, whatever else was answered', async () => {
    const bench = asking()
    bench.questions.of('redirect').redirect()
    bench.questions.answerAll()
    expect(await bench.found).toMatchObject({ readable: 'answered', isRedirect: true })
  })

  it('a redirection that failed, or an answer in its place, is none', async () => {
    const bench = asking()
    bench.questions.of('redirect').fail()
    bench.questions.answerAll()
    expect((await bench.found).isRedirect).toBe(false)
  })

  it('the time is that to the head of the answer that can be read', async () => {
    const bench = asking()
    bench.clock.advance(40.4)
    bench.questions.of('readable').answer(200, 'text/event-stream', null)
    await bench.pass(1000)
    bench.questions.failAll()
    expect(await bench.found).toMatchObject({ elapsedMs: 40, contentType: 'text/event-stream' })
  })

  it("of a session's server that was asked for none are known by their mark", async () => {
    const problem = (answer: object) => {
      const bench = asking()
      bench.questions.of('readable').answer(400, 'application/problem+json', JSON.stringify({ status: 400, ...answer }))
      bench.questions.failAll()
      return bench.found
    }
    expect(await problem({ steadfast: 'v1', code: 4400 })).toMatchObject({ status: 400, isOfSession: true })
    expect(await problem({ title: 'Bad Request' })).not.toHaveProperty('isOfSession')
  })

  it('a problem whose body never ends is one of unknown origin', async () => {
    const bench = asking()
    bench.questions.of('readable').answer(400, 'application/problem+json', null)
    bench.questions.failAll()
    await bench.pass(5000)
    expect(await bench.found).toMatchObject({ readable: 'answered', status: 400 })
    bench.expectNothingLeft()
  })

  it('an answer without a type has none', async () => {
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
  ] as const)('is found to be %s where nothing answered', async (state, found) => {
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
  ])('is that for the address space of %s', async (url, space) => {
    const localAccess = asks('denied')
    const bench = asking({ url: new URL(url) }, { pageOrigin: app, localAccess })
    bench.questions.failAll()
    await bench.found
    expect(localAccess.mock.calls).toEqual([[space]])
  })

  it.each<[string, string, (bench: Asking) => void]>([
    ['where the page may read an answer', app, ({ questions }) => questions.of('readable').answer(200, '')],
    ['where anything answers', app, ({ questions }) => questions.of('opaque').answer(200, '')],
    ['of a page on this device', 'http://localhost:3000', () => {}],
    ['of a page of the local network', 'http://192.168.0.1', () => {}],
    ["at the page's own origin", 'https://api.example', () => {}],
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
  ])('is unknown where the browser %s', async (_, localAccess) => {
    const bench = asking({}, { pageOrigin: app, localAccess })
    bench.questions.failAll()
    await bench.pass(1000)
    expect(await bench.found).not.toHaveProperty('localAccess')
    bench.expectNothingLeft()
  })
})

describe('a ledger', () => {
  const answeredBy = async (answer: (bench: Asking) => void, isSession = true) => {
    const bench = asking(isSession ? { attempt: 'attempt-1' } : {})
    answer(bench)
    bench.questions.failAll()
    return bench.found
  }

  it('is read', async () => {
    const found = await answeredBy(({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }))
    expect(found).toMatchObject({ readable: 'answered', status: 200, contentType: 'application/json', ledger })
    expect(found.ledger).toEqual(ledger)
  })

  it('is not looked for in plain mode', async () => {
    const found = await answeredBy(({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }), false)
    expect(found).not.toHaveProperty('ledger')
  })

  it.each<[string, (bench: Asking) => void]>([
    ['another version', ({ questions }) => questions.of('readable').json({ ...ledger, steadfast: 'v2' })],
    ['no mark', ({ questions }) => questions.of('readable').json(ledger)],
    ['no content', ({ questions }) => questions.of('readable').json({ steadfast: 'v1' })],
    ['what another request is answered', ({ questions }) => questions.of('readable').json({ steadfast: 'v1', taken: 3, ack: 0 })],
    ['an error', ({ questions }) => questions.of('readable').json({ steadfast: 'v1', ...ledger }, 404)],
    ['null', ({ questions }) => questions.of('readable').json(null)],
    ['a list', ({ questions }) => questions.of('readable').json([ledger])],
    ['a text', ({ questions }) => questions.of('readable').json('steadfast')],
    ['a number', ({ questions }) => questions.of('readable').json(1)],
    ['half of one', ({ questions }) => questions.of('readable').answer(200, 'application/json', '{"steadfast":"v1",')],
    ['nothing', ({ questions }) => questions.of('readable').answer(200, 'application/json', '')],
    ['a page', ({ questions }) => questions.of('readable').answer(200, 'text/html', '<p>')],
  ])('is not there where %s comes, which is an answer nevertheless', async (_, answer) => {
    const found = await answeredBy(answer)
    expect(found).toMatchObject({ readable: 'answered', status: expect.any(Number), contentType: expect.any(String) })
    expect(found).not.toHaveProperty('ledger')
  })

  it.each([false, true])('is not waited for longer than the rest (deaf: %s)', async (isDeaf) => {
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

describe('the end', () => {
  it.each([false, true])('comes after 5 s at the latest: what has not answered is silent (deaf: %s)', async (isDeaf) => {
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

  it('leaves nothing: no timer, no listener, no request, no body that somebody would have to read', async () => {
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

  it('comes when nobody wants to know any more, and leaves nothing', async () => {
    const bench = asking()
    bench.controller.abort()
    await promised()
    expect(bench.isOver()).toBe(true)
    bench.expectNothingLeft()
  })

  it('comes with a fetch that throws at once, and without one', async () => {
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
