import type { ServerMetrics } from './server-metrics.ts'

/** All numbers of a `ServerMetrics` with one name, as in Prometheus and OpenTelemetry. */
export interface MetricFamily {
  /** Such as `steadfast_messages_sent_total`. */
  readonly name: string
  /** The description, in a sentence. */
  readonly help: string
  /** A `counter` only rises during its server's life; a `gauge` is the current value. */
  readonly type: 'counter' | 'gauge'
  /** One number for each set of labels; empty while there is nothing to count. */
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
}

type Values = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]

/** Converts a `ServerMetrics` to a list for a metrics library: always the same names, in the same order. */
export function metricFamilies(metrics: ServerMetrics): readonly MetricFamily[] {
  const { attachments, messages, bytes, unwritten } = metrics
  const store = Object.entries(metrics.store)
  const handlers = Object.entries(metrics.handlers)
  const byTransport = (of: Readonly<Record<string, number>>): Values =>
    Object.entries(of).map(([transport, value]) => [{ transport }, value])
  const alone = (value: number): Values => [[{}, value]]
  return [
    gauge('sessions', 'Sessions on this server now.', alone(metrics.sessions)),
    gauge('attachments', 'Attachments that are open now.', byTransport(attachments.open)),
    counter('attachments_opened', 'Attachments that were opened.', byTransport(attachments.opened)),
    counter(
      'refused',
      'Requests that were refused.',
      metrics.refused.map(({ code, reason, count }) => [{ code: String(code), reason }, count]),
    ),
    counter('messages_received', 'Messages that clients sent.', alone(messages.received)),
    counter('messages_sent', 'Messages that were written to clients.', alone(messages.sent)),
    counter('messages_published', 'Messages that were published here.', alone(messages.published)),
    counter('received_bytes', 'Bytes of the messages that clients sent.', alone(bytes.received)),
    counter('sent_bytes', 'Length of the frames that were written to clients.', alone(bytes.sent)),
    counter('frames_sent', 'Frames that were written to clients.', alone(metrics.framesSent)),
    counter('gaps', 'Gaps that were reported to clients.', alone(metrics.gaps)),
    gauge('unwritten_bytes', 'Bytes that the sockets of clients have not taken yet.', alone(unwritten.bytes)),
    gauge('unwritten_most_bytes', 'The most such bytes of one attachment.', alone(unwritten.mostBytes)),
    gauge('waiting_attachments', 'Attachments whose sockets take nothing more now.', alone(unwritten.waiting)),
    gauge('unhandled_bytes', 'Bytes of the messages that wait for handlers.', alone(metrics.unhandledBytes)),
    counter(
      'handler_runs',
      'Runs of the handlers.',
      handlers.map(([handler, { runs }]) => [{ handler }, runs]),
    ),
    counter(
      'handler_errors',
      'Runs of the handlers that threw or rejected.',
      handlers.map(([handler, { errors }]) => [{ handler }, errors]),
    ),
    counter(
      'store_calls',
      'Calls of the store.',
      store.map(([method, { calls }]) => [{ method }, calls]),
    ),
    counter(
      'store_errors',
      'Calls of the store that failed or were not answered in time.',
      store.map(([method, { errors }]) => [{ method }, errors]),
    ),
    counter(
      'store_seconds',
      'Time that the calls of the store took.',
      store.map(([method, { totalMs }]) => [{ method }, totalMs / 1000]),
    ),
    counter(
      'store_calls_within',
      'Calls of the store that took no longer than `le` seconds.',
      store.flatMap(([method, { buckets }]) =>
        buckets.map(({ leMs, calls }) => [{ method, le: leMs === Infinity ? '+Inf' : String(leMs / 1000) }, calls] as const),
      ),
    ),
  ]
}

/** Formats a `ServerMetrics` in Prometheus' text format (version 0.0.4); it may follow the text of another metrics library. */
export function prometheusText(metrics: ServerMetrics): string {
  const lines: string[] = []
  for (const { name, help, type, samples } of metricFamilies(metrics)) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const { labels, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
      lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function counter(name: string, help: string, values: Values): MetricFamily {
  return { name: `steadfast_${name}_total`, help, type: 'counter', samples: values.map(([labels, value]) => ({ labels, value })) }
}

function gauge(name: string, help: string, values: Values): MetricFamily {
  return { name: `steadfast_${name}`, help, type: 'gauge', samples: values.map(([labels, value]) => ({ labels, value })) }
}
