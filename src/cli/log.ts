import { stdout } from 'node:process'

/** What is told of an event, beside its time and its name: never an id of a session, a token, a query or a payload. */
export type LogFields = Readonly<Record<string, string | number | null>>

export type Log = (event: string, fields?: LogFields) => void

/** Writes one line for each event. */
export function logTo(kind: 'json' | 'text', now: () => number, write = (line: string): unknown => stdout.write(line)): Log {
  return (event, fields = {}) => {
    const time = new Date(now()).toISOString()
    if (kind === 'json') write(`${JSON.stringify({ time, event, ...fields })}\n`)
    else {
      const told = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`)
      write(`${time} ${event}${told.join('')}\n`)
    }
  }
}

/** A text with spaces or control characters as JSON has it, so that a line stays one line. */
function shown(value: string | number | null): string {
  const text = String(value)
  return /^[\w.:/@[\]+-]+$/.test(text) ? text : JSON.stringify(text)
}
