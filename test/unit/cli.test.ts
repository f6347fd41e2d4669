import { describe, expect, it } from 'vitest'
import { logTo } from '../../src/cli/log.ts'
import { logged } from '../../src/cli/logged.ts'
import { commandLineOnly, commandOptions, helpText } from '../../src/cli/options.ts'
import { addressOf, merged, readArguments, readConfiguration, UsageError } from '../../src/cli/read-options.ts'
import { settingsOf } from '../../src/cli/settings.ts'
import { optionKinds } from '../../src/server/option-kinds.ts'

const target = ['--target', 'ws://127.0.0.1:9000']

describe('the options of the command', () => {
  it('are read from the command line', () => {
    const words = ['--listen', '127.0.0.1:8081', '--origin=https://a', '--origin', 'https://b', '--no-query', '--ping-ms', '1000']
    const settings = settingsOf(readArguments([...target, ...words, '--allow-header', 'X-Room', '--limit', 'maxSessions=7']))
    expect(settings).toMatchObject({
      listen: { host: '127.0.0.1', port: 8081 },
      admin: null,
      redisUrl: null,
      log: 'text',
      drainMs: 5000,
      gateway: {
        target: 'ws://127.0.0.1:9000',
        origins: ['https://a', 'https://b'],
        forwardQuery: false,
        pingMs: 1000,
        limits: { maxSessions: 7 },
      },
    })
    expect(settings.gateway.forwardHeaders).toContain('X-Room')
    expect(settings.gateway.forwardHeaders).toContain('cookie')
  })

  it('are help and version, in the short form too', () => {
    for (const word of ['--help', '-h']) expect([...readArguments([word])]).toEqual([['help', true]])
    for (const word of ['--version', '-v']) expect([...readArguments([word])]).toEqual([['version', true]])
    expect(helpText()).toMatch(/^ {2}--help, -h +shows this text$/m)
    expect(helpText()).toMatch(/^ {2}--version, -v +shows the version$/m)
  })

  it('on the command line take precedence over those of the file, each limit separately', () => {
    const file = {
      target: 'ws://a',
      listen: 9,
      origins: ['https://a'],
      limits: { maxSessions: 1, maxMessageBytes: 2 },
      noQuery: true,
    }
    const given = merged(
      readConfiguration(JSON.stringify(file), 'f.json'),
      readArguments([...target, '--limit', 'maxSessions=7']),
    )
    expect(settingsOf(given)).toMatchObject({
      listen: { port: 9 },
      gateway: {
        target: 'ws://127.0.0.1:9000',
        origins: ['https://a'],
        forwardQuery: false,
        limits: { maxSessions: 7, maxMessageBytes: 2 },
      },
    })
  })

  it.each([
    ['8080', undefined, 8080],
    ['localhost:0', 'localhost', 0],
    ['[::1]:80', '::1', 80],
  ])('accept %s as the address of --listen', (given, host, port) => {
    expect(addressOf(given, '--listen')).toEqual({ host, port })
  })

  it.each([
    [['--targt', 'x'], "unknown option '--targt'; did you mean '--target'?"],
    [['-t', 'x'], "unknown option '--t'"],
    [['x'], "'x' is not an option"],
    [['--target'], '--target needs a value: url'],
    [['--target', '--log', 'json'], '--target needs a value: url'],
    [[...target, ...target], '--target is given twice'],
    [['--no-query=1'], '--no-query takes no value'],
    [['--ping-ms', 'soon'], "--ping-ms needs a number; it was 'soon'"],
    [[...target, '--log', 'xml'], '--log must be json or text'],
    [[...target, '--listen', '1:2:3'], '--listen needs a port'],
    [[...target, '--listen', '65536'], '--listen needs a port'],
    [[...target, '--admin', 'x'], '--admin needs a port'],
    [[...target, '--redis', 'localhost'], '--redis needs a URL that begins with redis://'],
    [[...target, '--limit', 'maxSessions'], '--limit needs a name and a number'],
    [[...target, '--limit', 'maxSessions=x'], '--limit maxSessions needs a number'],
    [[...target, '--drain-ms', '99999999999'], '--drain-ms must be a number'],
    [[], '--target is missing'],
    [['--target', 'http://x'], '--target must be a URL as ws://127.0.0.1:9000/path: it must begin with ws:// or wss://'],
  ])('reject %j with a UsageError', (words, message) => {
    expect(() => settingsOf(readArguments(words))).toThrow(UsageError)
    expect(() => settingsOf(readArguments(words))).toThrow(message)
  })

  it('are read from a file that begins with a byte order mark', () => {
    expect(readConfiguration('\uFEFF{"target":"ws://127.0.0.1:9000"}', 'f.json').get('target')).toBe('ws://127.0.0.1:9000')
  })

  it.each([
    ['{', 'f.json is not valid JSON'],
    ['[]', 'f.json must hold an object of options'],
    ['{"targt":1}', "f.json: unknown option 'targt'; did you mean 'target'?"],
    ['{"help":true}', "f.json: unknown option 'help'"],
    ['{"target":1}', 'f.json: target must be a string'],
    ['{"origins":"https://a"}', 'f.json: origins must be a list of strings'],
    ['{"pingMs":"1"}', 'f.json: pingMs must be a number'],
    ['{"limits":[]}', 'f.json: limits must be an object of numbers'],
    ['{"noQuery":1}', 'f.json: noQuery must be true or false'],
    ['{"trustProxy":{}}', 'f.json: trustProxy must be a string or a number'],
  ])('reject a file with %s', (text, message) => {
    expect(() => readConfiguration(text, 'f.json')).toThrow(message)
  })

  it.each([
    ['true', true],
    ['false', false],
    ['2', 2],
    ['loopback, 10.0.0.0/8', 'loopback, 10.0.0.0/8'],
  ])('convert --trust-proxy %s to its type', (given, expected) => {
    expect(settingsOf(readArguments([...target, '--trust-proxy', given])).gateway.trustProxy).toEqual(expected)
  })

  it('are all listed in the help', () => {
    for (const { name } of commandOptions) expect(helpText()).toContain(`  --${name}`)
    const passed = commandOptions.map(({ key }) => key).filter((key) => key in optionKinds)
    expect(passed).toEqual(expect.arrayContaining(['path', 'origins', 'heartbeatMs', 'resumeWindowMs']))
    expect(commandLineOnly).toEqual(['config', 'help', 'version'])
  })
})

describe('the log', () => {
  it('has one line for each event, as JSON or as text', () => {
    const lines: string[] = []
    const write = (line: string) => lines.push(line)
    const fields = { session: 'a', message: 'two\nlines "x"', durationMs: null }
    logTo('json', () => 0, write)('session-end', fields)
    logTo('text', () => 0, write)('session-end', fields)
    expect(JSON.parse(lines[0] ?? '')).toEqual({ time: '1970-01-01T00:00:00.000Z', event: 'session-end', ...fields })
    expect(lines[1]).toBe('1970-01-01T00:00:00.000Z session-end session=a message="two\\nlines \\"x\\"" durationMs=null\n')
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
  })

  it('contains neither the id of a session nor the reason of its end', () => {
    const events: unknown[] = []
    let now = 0
    const host = { elapsedMs: () => now, randomId: () => 'made-for-the-log' }
    const { onSession, onEnd } = logged({}, (event, fields) => void events.push([event, fields]), host)
    const session = { id: 'secret', protocol: 'mqtt' } as never
    onSession?.(session)
    now = 1500
    onEnd?.(session, { by: 'client', code: 1000, reason: 'secret' })
    expect(events).toEqual([
      ['session-open', { session: 'made-for-the-log', protocol: 'mqtt' }],
      ['session-end', { session: 'made-for-the-log', by: 'client', code: 1000, durationMs: 1500 }],
    ])
    expect(JSON.stringify(events)).not.toContain('secret')
  })
})
