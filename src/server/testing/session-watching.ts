import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PrivateAppend, SessionStore, Versioned } from '../store/ports.ts'
import { plain } from './payload-samples.ts'
import { later, listen, made, recordOf, replaced, type SessionCheck } from './session-trial.ts'

type Change = readonly [what: string, change: (store: SessionStore, id: string, session: Versioned) => unknown]

const changes: readonly Change[] = [
  ['a write', (store, id, session) => store.write(id, recordOf({ taken: 1 }), session, later(store))],
  ['an append', (store, id) => store.append(id, 'e1', { kind: 'm', data: 'x' })],
  ['a removal', (store, id, session) => store.remove(id, session.version)],
]

const announced = changes.map(([what, change]): SessionCheck => {
  return [
    `announces ${what} to every node that watches, behind the call, and of that session only`,
    async ({ until, one, other, id }) => {
      const session = await made(one, id)
      const throwing = one.watch(id, () => {
        throw new Error('of this listener alone')
      })
      await throwing.ready
      const [here, there, stranger, stopped] = await Promise.all([
        listen(one, id),
        listen(other, id),
        listen(other, `${id}'`),
        listen(one, id),
      ])
      stopped.stop()
      stopped.stop()
      for (const { news } of [here, there]) news.length = 0
      const changed = change(one, id, session)
      deepEqual(here.news, [], 'no listener is called within the call that changes the session')
      await changed
      await until('a change was not announced', () => here.news.length > 0 && there.news.length > 0)
      deepEqual(
        stranger.news.filter((news) => news !== null),
        [],
      )
      deepEqual(stopped.news, [])
      throwing.stop()
      for (const { stop } of [here, there, stranger]) stop()
    },
  ]
})

export const sessionWatching: readonly SessionCheck[] = [
  ...announced,
  [
    'announces the version of each record, 0 after the removal, and the end of the private stream',
    async ({ until, one, other, id }) => {
      const heard = await listen(other, id)
      const first = await made(one, id)
      await until('the first record was not announced', () => heard.has({ version: first.version }))
      const offset = (await one.append(id, 'e1', { kind: 'm', data: 'x' })) ?? 0
      await until('an append was not announced', () => heard.has({ tail: offset }))
      const second = await replaced(one, id, first, { taken: 1 })
      await until('a write was not announced', () => heard.has({ version: second.version }))
      await one.remove(id, second.version)
      await until('a removal was not announced', () => heard.has({ version: 0 }))
      heard.stop()
      const known = new Set([first.version, second.version, 0])
      for (const news of heard.news) {
        if (news && 'version' in news) ok(known.has(news.version), `the version ${news.version} was written`)
        else if (news) equal(news.tail, offset)
      }
    },
  ],
  [
    'announces entries as they are, with the epoch they belong to',
    async ({ until, one, other, id }) => {
      const session = await made(one, id)
      const heard = await listen(other, id)
      const entries: readonly PrivateAppend[] = [
        { kind: 'a', data: 'text' },
        { kind: 'b', meta: { n: [null, 1] } },
        { kind: 'c', meta: 'x', data: Uint8Array.of(0, 255, 10) },
        { kind: 'd', data: 'x'.repeat(50_000) },
        { kind: 'e', data: '' },
      ]
      const appended = new Map<number, PrivateAppend>()
      for (const entry of entries) appended.set((await one.append(id, 'e1', entry)) ?? 0, entry)
      await until('the last append was not announced', () => heard.has({ tail: Math.max(...appended.keys()) }))
      await replaced(one, id, session, { epoch: 'e2' })
      const offset = (await one.append(id, 'e2', { kind: 'f' })) ?? 0
      const isOfNext = () => heard.news.some((news) => news === null || ('tail' in news && news.epoch === 'e2'))
      await until('an append to the next epoch was not announced', isOfNext)
      heard.stop()
      for (const news of heard.news) {
        if (!news || !('tail' in news)) continue
        const entry = news.epoch === 'e1' ? appended.get(news.tail) : { kind: 'f' }
        ok(entry && (news.epoch === 'e1' || news.tail === offset), `the offset ${news.tail} of ${news.epoch} is that of an entry`)
        if (news.entry) deepEqual(plain(news.entry), plain(entry))
      }
    },
  ],
  [
    'announces all that follows once a watch is in force, be there a session or not',
    async ({ until, one, other, id }) => {
      for (let times = 0; times < 10; times += 1) {
        const heard = await listen(other, `${id} ${times}`)
        const { version } = await made(one, `${id} ${times}`)
        await until('what was written as soon as `ready` had resolved was not announced', () => heard.has({ version }))
        heard.stop()
      }
    },
  ],
  [
    'may be stopped before it is in force, and watched anew',
    async ({ until, one, other, id }) => {
      const session = await made(one, id)
      const heard: unknown[] = []
      const early = other.watch(id, (news) => heard.push(news))
      early.stop()
      const again = await listen(other, id)
      const { version } = await replaced(one, id, session, { taken: 1 })
      await until('a write was not announced to the second listener', () => again.has({ version }))
      again.stop()
      deepEqual(heard, [])
    },
  ],
]
