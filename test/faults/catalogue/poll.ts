import type { Fault } from '../fault.ts'
import { strikeAttaching } from '../front.ts'
import type { Passage } from '../passage.ts'
import { fieldOf, withField } from '../request.ts'

const common = { group: 'poll', transport: 'long-poll' } as const

/** WebKit shows an answer that was cut off as one that ended, and only a session has a word for its end. */
const half: Partial<Fault> = { tolerated: { plain: ['webkit'] } }

/** What becomes of a long-poll on its way back. */
export const pollFaults: readonly Fault[] = [
  // To an ordinary server a long-poll that is held is one that has nothing to say.
  struck('lp_hang', 'sse.buffered', (passage) => passage.passAnswer(nothing, nothing), { modes: ['session'] }),
  struck('lp_nocors', 'http.cors', (passage) =>
    passage.passChanged((head) => withField(head, 'Access-Control-Allow-Origin', null)),
  ),
  struck('lp_rst', 'stream.truncated', (passage) => cut(passage, () => passage.reset()), half),
  struck('lp_trunc_cl', 'stream.truncated', (passage) => cut(passage, () => passage.finish()), half),
]

function nothing(): void {}

/** The head promises a whole answer, of which half comes. */
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
