import { chunk, lastChunk } from '../answers.ts'
import type { Fault } from '../fault.ts'
import { strikeAttaching } from '../front.ts'
import { openForMs, type Passage } from '../passage.ts'
import { withField } from '../request.ts'

const common = { group: 'sse', transport: 'sse' } as const
const halfAnEvent = 'data: the beginning of an ev'
const corsField = 'Access-Control-Allow-Origin'

/** Faults in the answer to an event stream. */
export const sseFaults: readonly Fault[] = [
  {
    ...common,
    name: 'sse_buffered',
    expected: 'sse.buffered',
    // Only the headers arrive, so the client has to detect the silence.
    inPlain: { options: { heartbeat: { intervalMs: 1000, timeoutMs: 1000 } } },
    start: (site) =>
      strikeAttaching(site, 'sse', (passage) =>
        passage.passUnframed(
          (head) => passage.toClient(chunked(head)),
          () => {},
        ),
      ),
  },
  {
    // The ledger of a session's server shows that it has answered.
    ...common,
    name: 'sse_buffered_hdrs',
    expected: { plain: 'net.timeout', session: 'sse.buffered' },
    // In plain mode, with no other transport, the stream opens as soon as its host answers, as that of a quiet server would.
    tolerated: { plain: ['chromium', 'firefox', 'webkit'] },
    start: (site) => strikeAttaching(site, 'sse', (passage) => passage.passAnswer(nothing, nothing)),
  },
  {
    // The start of the stream fills the proxy's buffer, but messages do not. The client reports it after two such streams.
    ...common,
    name: 'sse_buffered_later',
    expected: 'sse.buffered',
    modes: ['session'],
    isAfterOpen: true,
    patienceMs: 40_000,
    start: (site) =>
      strikeAttaching(site, 'sse', (passage) => {
        let hasOpened = false
        passage.passUnframed(
          (head) => passage.toClient(chunked(head)),
          (bytes) => {
            if (!hasOpened) passage.toClient(chunk(bytes))
            hasOpened = true
          },
        )
      }),
  },
  ended('sse_trunc_chunked', 'stream.truncated', chunked, chunk, (passage) => {
    passage.toClient(chunk(halfAnEvent))
    passage.finish()
  }),
  ended('sse_trunc_rst', 'stream.truncated', chunked, chunk, (passage) => {
    passage.toClient(chunk(halfAnEvent))
    passage.later(50, () => passage.reset())
  }),
  ended('sse_trunc_fin', 'stream.truncated', unframed, same, (passage) => {
    passage.toClient(halfAnEvent)
    passage.finish()
  }),
  ended('sse_clean_end', 'stream.ended', chunked, chunk, (passage) => {
    passage.toClient(lastChunk)
    passage.finish()
  }),
  {
    ...ended(
      'sse_gzip_bad',
      'stream.decode',
      (head) => withField(chunked(head), 'Content-Encoding', 'gzip'),
      chunk,
      () => {},
    ),
    isAfterOpen: false,
    tolerated: ['webkit'],
  },
  changed('sse_wrong_ct', { plain: 'http.not_realtime', session: 'protocol-mismatch' }, (head) =>
    withField(head, 'Content-Type', 'text/plain'),
  ),
  changed('sse_nocors', 'http.cors', (head) => withField(head, corsField, null)),
]

function chunked(head: string): string {
  return withField(withField(head, 'Connection', null), 'Transfer-Encoding', 'chunked')
}

function unframed(head: string): string {
  return withField(head, 'Connection', 'close')
}

function same(bytes: Buffer): Buffer {
  return bytes
}

function nothing(): void {}

/** The stream begins normally, and ends in this way. */
function ended(
  name: string,
  expected: string,
  headOf: (head: string) => string,
  framed: (bytes: Buffer) => Buffer,
  end: (passage: Passage) => void,
): Fault {
  return {
    ...common,
    name,
    expected,
    isAfterOpen: true,
    start: (site) =>
      strikeAttaching(site, 'sse', (passage) =>
        passage.passUnframed(
          (head) => {
            passage.toClient(headOf(head))
            passage.later(openForMs, () => end(passage))
          },
          (bytes) => passage.toClient(framed(bytes)),
        ),
      ),
  }
}

function changed(name: string, expected: Fault['expected'], change: (head: string) => string): Fault {
  return {
    ...common,
    name,
    expected,
    start: (site) => strikeAttaching(site, 'sse', (passage) => passage.passChanged(change)),
  }
}
