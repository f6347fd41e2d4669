import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { targetOfError } from '../../src/server/adapters/client-error.ts'
import { pathOfOption, pathOfTarget } from '../../src/server/adapters/request-path.ts'

const latin1 = (text: string) => Buffer.from(text).toString('latin1')

describe('the path of a request target', () => {
  it.each([
    ['/realtime'],
    ['/realtime?attempt=1'],
    ['/realtime?a=/other?b'],
    ['/realtime#x'],
    ['/realtime/'],
    ['/realtime/?attempt=1'],
    ['/%72ealtime'],
    ['/real%74ime/'],
    ['/%72%65%61%6C%74%69%6d%65'],
    ['http://host/realtime'],
    ['HTTP://host:8080/realtime?attempt=1'],
    ['https://user@[::1]:443/realtime/'],
    ['ws://host/%72ealtime'],
  ])('is /realtime for %s', (target) => {
    expect(pathOfTarget(target)).toBe(pathOfOption('/realtime'))
  })

  it.each([
    ['/'],
    ['//'],
    ['//realtime'],
    ['/realtime//'],
    ['/realtime/x'],
    ['/realtimes'],
    ['/Realtime'],
    ['/realtime%2F'],
    ['/realtime%3Fa'],
    ['/realtime%'],
    ['/realtime%0'],
    ['/%2572ealtime'],
    ['realtime'],
    ['host/realtime'],
    ['http:/realtime'],
    ['http:///x/realtime'],
    ['http://realtime'],
    ['http://['],
    ['http://'],
    ['host:443'],
    ['*'],
    ['?/realtime'],
    [''],
  ])('is not /realtime for %s', (target) => {
    expect(pathOfTarget(target)).not.toBe(pathOfOption('/realtime'))
  })

  it.each([
    ['/', '/', 'http://host', 'http://host/', 'http://host?a', '/?a'],
    ['/échtzeit', latin1('/échtzeit'), '/%C3%A9chtzeit', '/%c3%a9chtzeit/'],
    ['/%C3%A9chtzeit', latin1('/échtzeit'), '/%C3%A9chtzeit'],
    ['/a b', '/a%20b', '/a b'],
    ['/a%2Fb', '/a%2Fb', '/a%2fb'],
    ['/100%', '/100%25', '/100%'],
    ['/api/v1/realtime/', '/api/v1/realtime', '/api/v1/%72ealtime/'],
    ["/!$&'()*+,;=:@~-._", "/!$&'()*+,;=:@~-._", '/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%7E%2D%2E%5F'],
  ])('matches the option %s', (option, ...targets) => {
    for (const target of targets) expect([target, pathOfTarget(target)]).toEqual([target, pathOfOption(option)])
  })

  it('is the same when it is parsed again with a slash at its end', () => {
    const piece = fc.constantFrom(
      '/',
      '//',
      '%',
      '%7',
      '%72',
      '%2F',
      '?',
      '#',
      ':',
      '://',
      'http',
      '[',
      ']',
      '@',
      '*',
      'é',
      '\ud800',
      'realtime',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }), (pieces) => {
        const path = pathOfTarget(pieces.join(''))
        // One slash at the end does not matter.
        if (path !== null) expect(pathOfTarget(`${path}/`)).toBe(path)
      }),
    )
  })
})

describe('the target of a request that could not be parsed', () => {
  const failed = (text: string, bytesParsed?: number) =>
    targetOfError(
      Object.assign(new Error(), { rawPacket: Buffer.from(text), ...(bytesParsed === undefined ? {} : { bytesParsed }) }),
    )

  it.each([
    ['GET /realtime HTTP/1.1\r\na', '/realtime'],
    ['\r\nPOST /realtime?a=b HTTP/9.9', '/realtime?a=b'],
    ['GET http://host/realtime HTTP/1.1', 'http://host/realtime'],
    ['OPTIONS * HTTP/1.1', '*'],
    ['GET /x', '/x'],
    ['GET ', null],
    ['no HTTP', null],
    ['', null],
    ['\u0016\u0003\u0001', null],
    ['x'.repeat(100_000), null],
  ])('is extracted, or null: %s', (text, expected) => {
    expect(failed(text)).toBe(expected)
  })

  it('is that of the request after those that were parsed', () => {
    const first = 'GET /first HTTP/1.1\r\nHost: x\r\n\r\n'
    expect(failed(`${first}GET /second HTTP/1.1\r\nb a d\r\n\r\n`, first.length + 24)).toBe('/second')
    expect(failed(`${first}no HTTP at all\r\n\r\n`, first.length)).toBeNull()
    expect(targetOfError(new Error('no packet'))).toBeNull()
  })
})
