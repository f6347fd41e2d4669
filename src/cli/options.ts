/** The type of an option's value. */
export type OptionKind = 'text' | 'texts' | 'number' | 'flag'

/** One option of `steadfast gateway`. */
export interface CommandOption {
  /** The name on the command line; in a configuration file the name is `key`. */
  readonly name: string
  readonly key: string
  readonly kind: OptionKind
  /** The placeholder for the value in the help. */
  readonly value: string
  readonly help: string
}

const option = (name: string, kind: OptionKind, value: string, help: string, key = camel(name)): CommandOption => ({
  name,
  key,
  kind,
  value,
  help,
})

/** All options of `steadfast gateway`, in the order of the help. */
export const commandOptions: readonly CommandOption[] = [
  option('listen', 'text', '[host:]port', 'where pages connect; on all addresses of the machine unless a host is given (8080)'),
  option('target', 'text', 'url', 'the WebSocket server behind the gateway (the backend), as ws://127.0.0.1:9000/path; required'),
  option('path', 'text', 'path', 'the path that is served (/realtime)'),
  option('origin', 'texts', 'origin', 'an origin whose pages may connect, as https://app.example; may be repeated', 'origins'),
  option(
    'public-origin',
    'texts',
    'origin',
    "the gateway's own origin, if a proxy in front replaces Host; may be repeated",
    'publicOrigins',
  ),
  option(
    'allow-header',
    'texts',
    'name',
    'a header of the page that is also forwarded to the backend; may be repeated',
    'allowHeaders',
  ),
  option('no-query', 'flag', '', "does not forward the query of the page's URL to the backend"),
  option('trust-proxy', 'text', 'who', 'whose X-Forwarded-* headers are trusted: true, a number of proxies, or addresses'),
  option('redis', 'text', 'url', 'keeps sessions in Redis, as redis://127.0.0.1:6379; needs the package redis'),
  option('limit', 'texts', 'name=number', 'a limit of the server, as maxSessions=1000; may be repeated', 'limits'),
  option('connect-timeout-ms', 'number', 'ms', 'how long the backend may take to accept a connection (10000)'),
  option('ping-ms', 'number', 'ms', 'how often the backend is pinged (30000)'),
  option(
    'max-unread-bytes',
    'number',
    'bytes',
    'how much a page may leave unread before its backend is no longer read from (4194304)',
  ),
  option('heartbeat-ms', 'number', 'ms', 'the longest time without a message or a heartbeat to a page (25000)'),
  option('resume-window-ms', 'number', 'ms', 'how long a disconnected page has to come back before its socket ends (120000)'),
  option('log', 'text', 'json|text', 'one line for each event, as JSON or for people (text)'),
  option(
    'admin',
    'text',
    '[host:]port',
    'serves GET /health and GET /metrics (Prometheus) there; 127.0.0.1 unless a host is given',
  ),
  option('drain-ms', 'number', 'ms', 'how long to wait for sockets to end after SIGTERM or SIGINT (5000)'),
  option('config', 'text', 'file', 'a JSON file with these options; those on the command line take precedence'),
  option('help', 'flag', '', 'shows this text'),
  option('version', 'flag', '', 'shows the version'),
]

/** The long names of the short options. */
export const shortOptions: Readonly<Record<string, string>> = { h: 'help', v: 'version' }

/** Options that a configuration file must not have. */
export const commandLineOnly: readonly string[] = ['config', 'help', 'version']

/** The text of `--help`. */
export function helpText(): string {
  const shortOf = (name: string) => Object.keys(shortOptions).find((short) => shortOptions[short] === name)
  const rows = commandOptions.map(({ name, value, help }) => {
    const short = shortOf(name)
    return [`  --${name}${value && ` ${value}`}${short ? `, -${short}` : ''}`, help]
  })
  const width = Math.max(...rows.map(([left = '']) => left.length)) + 2
  return [
    'Usage: steadfast gateway --target ws://127.0.0.1:9000 [options]',
    '',
    'Connects the sockets of webSocketOver() (steadfast/socket), over WebSocket, SSE, long-poll and poll, to a WebSocket server',
    'that knows nothing of steadfast.',
    '',
    ...rows.map(([left = '', help]) => `${left.padEnd(width)}${help}`),
    '',
    'In a configuration file the options are { "target": "ws://…", "origins": ["https://…"], "limits": { "maxSessions": 1000 }, … }.',
    '',
  ].join('\n')
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
