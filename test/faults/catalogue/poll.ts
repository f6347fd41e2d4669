import type { Fault } from '../fault.ts'
import { strikeAttaching } from '../front.ts'
import type { Passage } from '../passage.ts'
import { fieldOf, withField } from '../request.ts'

const common = { group: 'poll', transport: 'long-poll' } as const

/** WebKit reports a truncated answer as complete, and only a session can tell the difference, by its end marker. */
const half: Partial<Fault> = { tolerated: { plain: ['webkit'] } }

/** Faults in the answer to a long-poll. */
export const pollFaults: readonly Fault[] = [
  // Of an ordinary server, a held long-poll means that there are no messages.
  struck('lp_hang', 'sse.buffered', (passage) => passage.passAnswer(nothing, nothing), { modes: ['session'] }),
  struck('lp_nocors', 'http.cors', (passage) =>
    passage.passChanged((head) => withField(head, 'Access-Control-Allow-Origin', null)),
  ),
  struck('lp_rst', 'stream.truncated', (passage) => cut(passage, () => passage.reset()), half),
  struck('lp_trunc_cl', 'stream.truncated', (passage) => cut(passage, () => passage.finish()), half),
]

function nothing(): void {}

/** The head announces a complete answer, of which half arrives. */
function cut(passage: Passage, end: () => void): void {
  let length = 0
  passage.passUnframed(
    (head) => {
      length = Number(fieldOf(head, 'Content-Length'))
      passage.toClient(head)
    },
    (bytes) => {
      passage.toClient(bytes.subarray(0, Math.floor(length / 2)))
      passage.later(50, end)
    },
  )
}

function struck(name: string, expected: string, strike: (passage: Passage) => void, more: Partial<Fault> = {}): Fault {
  return { ...common, name, expected, ...more, start: (site) => strikeAttaching(site, 'long-poll', strike) }
}
