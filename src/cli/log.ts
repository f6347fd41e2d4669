import { stdout } from 'node:process'

/** The fields of a log event, besides its time and name: never a session's id, a token, a query or a payload. */
export type LogFields = Readonly<Record<string, string | number | null>>

export type Log = (event: string, fields?: LogFields) => void

/** Returns a function that writes one line per event. */
export function logTo(kind: 'json' | 'text', now: () => number, write = (line: string): unknown => stdout.write(line)): Log {
  return (event, fields = {}) => {
    const time = new Date(now()).toISOString()
    if (kind === 'json') write(`${JSON.stringify({ time, event, ...fields })}\n`)
    else {
      const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`)
      write(`${time} ${event}${pairs.join('')}\n`)
    }
  }
}

/** Text with spaces or control characters is written as JSON, so that an event stays on one line. */
function shown(value: string | number | null): string {
  const text = String(value)
  return /^[\w.:/@[\]+-]+$/.test(text) ? text : JSON.stringify(text)
}
