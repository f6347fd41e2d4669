import { expect, it } from 'vitest'
import { aheadOf, type LifePlace } from '../../src/shared/ahead.ts'

const place = (stream: number, offset: number, life = 'life'): LifePlace => ({
  stream,
  offset,
  life,
  epoch: stream === 0 ? life : 'epoch',
  topic: stream === 0 ? '' : `topic ${stream}`,
})

it.each<readonly [string, readonly LifePlace[], readonly LifePlace[], readonly LifePlace[]]>([
  ['nothing, if it knew nothing', [], [place(0, 5)], []],
  ['nothing, if the session has read as much', [place(0, 5), place(1, 2)], [place(0, 5), place(1, 3)], []],
  ['what it has read further', [place(0, 7), place(1, 9)], [place(0, 5), place(1, 2)], [place(0, 7), place(1, 9)]],
  ['a stream that the session will announce again', [place(0, 7), place(2, 1)], [place(0, 5)], [place(0, 7), place(2, 1)]],
  ['no stream that has ended', [place(0, 7), place(2, 1)], [place(0, 7)], []],
  ['its own stream only, of another life', [place(0, 7), place(1, 9)], [place(0, 1, 'next'), place(1, 2, 'next')], [place(0, 7)]],
  [
    'earlier lives, if it may join them again',
    [place(0, 4, 'b'), place(0, 7, 'a')],
    [place(0, 5, 'a')],
    [place(0, 4, 'b'), place(0, 7, 'a')],
  ],
  [
    'the topics of the present life, also after another one',
    [place(0, 4, 'b'), place(1, 2, 'b'), place(0, 7, 'a'), place(1, 5, 'a')],
    [place(0, 5, 'a')],
    [place(0, 4, 'b'), place(0, 7, 'a'), place(1, 5, 'a')],
  ],
  ['the earlier limits as well', [place(0, 5), place(0, 8), place(1, 3)], [place(0, 5)], [place(0, 8), place(1, 3)]],
])('a tab drops what a session repeats: %s', (_, had, now, ahead) => {
  expect(aheadOf(had, now)).toEqual(ahead)
})
