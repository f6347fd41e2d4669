import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Call } from '../../src/api/transport.ts'
import { answered } from '../../src/transports/http.ts'
import { manualPage, promised } from '../support/manual-host.ts'

/** The report of an unexpected response. */
function told(response: Response, now = 0) {
  const page = manualPage({ now })
  const report = answered(response, { host: page.host } as Call)
  return { ...page, report }
}

/** A body that begins with `start` and never ends. */
function endless(start: string) {
  const state = { isCancelled: false }
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => (start ? controller.enqueue(new TextEncoder().encode(start)) : undefined),
    cancel() {
      state.isCancelled = true
    },
  })
  return { body, state }
}

describe('the start of the body', () => {
  it('is reported, up to 80 bytes', async () => {
    const { report, clock } = told(
      new Response('<h1>Login</h1>'.repeat(10), { status: 403, headers: { 'Content-Type': 'text/html' } }),
    )
    const start = '<h1>Login</h1>'.repeat(10).slice(0, 80)
    expect(await report).toEqual({ kind: 'answered', status: 403, contentType: 'text/html', start })
    expect(clock.pending).toBe(0)
  })

  it('is not reported if the body is empty or was already read', async () => {
    const nothing = { kind: 'answered', status: 200, contentType: '' }
    expect(await told(new Response(null)).report).toEqual(nothing)
    const read = new Response('read')
    await read.text()
    expect(await told(read).report).toEqual({ ...nothing, contentType: 'text/plain;charset=UTF-8' })
  })

  it('is reported without waiting for the end, and the body is cancelled', async () => {
    const { body, state } = endless('event: x')
    const { report, clock } = told(new Response(body, { status: 201 }))
    expect(await report).toEqual({ kind: 'answered', status: 201, contentType: '', start: 'event: x' })
    await promised()
    expect([state.isCancelled, clock.pending]).toEqual([true, 0])
  })

  it('is awaited for at most 500 ms', async () => {
    const { body, state } = endless('')
    const { report, pass, clock } = told(new Response(body, { status: 503 }))
    let isOver = false
    report.then(() => {
      isOver = true
    })
    await pass(499)
    expect(isOver).toBe(false)
    await pass(1)
    expect([isOver, state.isCancelled, clock.pending]).toEqual([true, true, 0])
    expect(await report).toEqual({ kind: 'answered', status: 503, contentType: '' })
  })

  const tags = ['head', 'Script', 'IFRAME', 'h1', 'div', 'font', 'table', 'a', 'style', 'title', 'b', 'body', 'br', 'p']
  const pages = ['<!doctype html><p>Login', '\n\ufeff <HTML lang=en>', '<html>', '\r\n<!-- gate --><center>', '<!--x-->']
  const prolog = '<?xml version="1.0" encoding="UTF-8"?>'
  const xhtml = [`${prolog}\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML`, ` ${prolog}<html xmlns="http://www.w3.org/1999/xhtml">`]
  it.each([...pages, ...xhtml, ...tags.map((tag) => `<${tag}>`), ...tags.map((tag) => `\t<${tag} x="y">`)])(
    'identifies an answer without a Content-Type as HTML, as browsers do: %j',
    async (text) => {
      const bytes = new TextEncoder().encode(text)
      expect(await told(new Response(bytes, { status: 403 })).report).toMatchObject({ status: 403, contentType: 'text/html' })
      const plain = new Response(bytes, { status: 403, headers: { 'Content-Type': 'text/plain' } })
      expect(await told(plain).report).toMatchObject({ contentType: 'text/plain' })
    },
  )

  it('identifies no other type of an answer without a Content-Type', async () => {
    const others = [
      `${prolog}<feed>`,
      `${prolog}<a>`,
      `${prolog}<!-- c --><rss>`,
      '<?xml',
      '<h2>',
      '<svg>',
      '< p>',
      '</p>',
      '<p/>',
      '<',
    ]
    for (const text of ['<htmlx>', '<bold>', '<!doctype svg>', 'x <p>', 'Forbidden', '', ...others])
      expect(await told(new Response(new TextEncoder().encode(text), { status: 403 })).report).toMatchObject({ contentType: '' })
  })

  it('is not reported if the body fails', async () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('network error')) })
    const { report, clock } = told(new Response(body, { status: 502 }))
    expect([await report, clock.pending]).toEqual([{ kind: 'answered', status: 502, contentType: '' }, 0])
  })
})

describe('Retry-After', () => {
  afterEach(() => void vi.unstubAllEnvs())

  it.each([
    ['Sun Nov  6 08:50:06 1994', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sunday, 06-Nov-94 08:50:06 GMT', 'Sun Nov  6 08:49:37 1994'],
    ['Sun, 06 Nov 1994 08:50:06 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT'],
  ])('as a date in any format of HTTP is UTC, not local time: %s after %s', async (value, date) => {
    vi.stubEnv('TZ', 'America/New_York')
    expect(new Date(0).getTimezoneOffset()).not.toBe(0)
    const headers = { 'Retry-After': value, Date: date }
    expect((await told(new Response(null, { status: 503, headers })).report).retryAfterMs).toBe(29_000)
  })

  it.each([
    ['7', 7000],
    ['0', undefined],
    ['99999999999', 86_400_000],
    ['9'.repeat(400), 86_400_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 300_000],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 50_000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', undefined],
    ['soon', undefined],
  ])('%s is %s ms', async (value, retryAfterMs) => {
    const report = await told(new Response(null, { status: 503, headers: { 'Retry-After': value } }), 10_000).report
    expect(report.retryAfterMs).toBe(retryAfterMs)
  })

  it('as a date is limited to 5 minutes if the page cannot read Date, since the device clock may be wrong', async () => {
    const headers = { 'Retry-After': 'Thu, 01 Jan 1970 01:00:30 GMT' }
    expect((await told(new Response(null, { status: 503, headers }), 0).report).retryAfterMs).toBe(300_000)
    expect((await told(new Response(null, { status: 503, headers }), 3_600_000).report).retryAfterMs).toBe(30_000)
    expect((await told(new Response(null, { status: 503, headers: { 'Retry-After': '3600' } })).report).retryAfterMs).toBe(
      3_600_000,
    )
  })

  it.each([
    ['an hour slow', 0],
    ['an hour fast', 7_200_000],
    ['right', 3_600_000],
  ])('as a date is compared with the Date of the server, though the device clock is %s', async (_, now) => {
    const headers = { 'Retry-After': 'Thu, 01 Jan 1970 01:00:30 GMT', Date: 'Thu, 01 Jan 1970 01:00:01 GMT' }
    expect((await told(new Response(null, { status: 503, headers }), now).report).retryAfterMs).toBe(29_000)
    const days = { 'Retry-After': 'Fri, 31 Dec 9999 23:59:59 GMT', Date: headers.Date }
    expect((await told(new Response(null, { status: 429, headers: days }), now).report).retryAfterMs).toBe(86_400_000)
  })
})
