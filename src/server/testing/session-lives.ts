import { deepEqual, equal, ok } from 'node:assert/strict'
import { everything } from './readings.ts'
import { entriesOf, later, listen, made, recordOf, replaced, type SessionCheck, type SessionTrial } from './session-trial.ts'

/** A check that loses the tail, if the engine can. */
function afterLoss(name: string, check: (trial: SessionTrial, lose: () => Promise<void>) => Promise<void>): SessionCheck {
  return [
    name,
    async (trial) => {
      const { store } = trial
      if (store.loseTail) await check(trial, () => store.loseTail?.() ?? Promise.resolve())
    },
  ]
}

export const sessionLives: readonly SessionCheck[] = [
  afterLoss('has no session of before', async ({ store, one, other, id, ann }, lose) => {
    const early = await made(one, id, recordOf({ principalId: ann }))
    await one.append(id, 'e1', { kind: 'm', data: 'early' })
    await store.checkpoint?.()
    const name = one.id
    const late = await replaced(one, id, early, { taken: 1 })
    const tail = await one.append(id, 'e1', { kind: 'm', data: 'late' })
    const another = await made(one, `${id}'`, recordOf({ principalId: ann }))
    const now = one.now()
    await lose()
    for (const node of [other, one]) {
      for (const [each, versions] of [
        [id, [early, late]],
        [`${id}'`, [another]],
      ] as const) {
        equal(await node.read(each), null, 'a session of before is not there')
        equal(await node.readAfter(each, 0, everything), null)
        equal(await node.append(each, 'e1', { kind: 'm', data: 'x' }), null)
        deepEqual(await node.renew([each], later(node)), [null])
        await node.trim(each, tail ?? 0)
        for (const before of versions) {
          equal(await node.write(each, { ...before.record, taken: 9 }, before, later(node)), null)
          equal(await node.remove(each, before.version), false)
        }
      }
      deepEqual(await node.sessionsOf(ann), [])
      equal((await node.count(ann)).ofPrincipal, 0)
    }
    ok(one.now() >= now, 'the clock does not go back')
    if (store.checkpoint) equal(one.id, name, 'the store stays the same')
    equal(other.id, one.id)
  }),
  afterLoss('uses no version twice, however often the tail is lost', async ({ store, one, other, id, ann }, lose) => {
    const versions: number[] = []
    for (let life = 1; life <= 3; life += 1) {
      let session = await made(life % 2 ? one : other, id, recordOf({ principalId: ann, epoch: `e${life}` }))
      versions.push(session.version)
      deepEqual(await entriesOf(one, id), [], 'the private stream begins empty')
      for (let taken = 1; taken <= 5; taken += 1) {
        session = await replaced(taken % 2 ? one : other, id, session, { taken })
        versions.push(session.version)
        await one.append(id, `e${life}`, { kind: 'm', data: `life ${life}` })
      }
      deepEqual(await other.read(id), session)
      equal((await other.count(ann)).ofPrincipal, 1)
      deepEqual(await other.sessionsOf(ann), [id])
      if (life === 1) await store.checkpoint?.()
      await lose()
    }
    equal(new Set(versions).size, versions.length, `every version is used once: ${versions.join(', ')}`)
  }),
  afterLoss('does not take a session that was made again for the one before', async ({ store, one, other, id }, lose) => {
    const before = await made(one, id, recordOf({ data: 'of before' }))
    await store.checkpoint?.()
    const late = await replaced(one, id, before, { taken: 1 })
    await lose()
    const again = await made(other, id, recordOf({ data: 'new' }))
    for (const old of [before, late]) {
      equal(await one.write(id, { ...old.record, taken: 2 }, old, later(one)), null)
      equal(await one.remove(id, old.version), false)
    }
    deepEqual(await one.read(id), again)
    const next = await replaced(one, id, again, { taken: 1 })
    deepEqual(await other.read(id), next)
  }),
  afterLoss('announces to all that watch that something may have been missed', async ({ store, until, one, other, id }, lose) => {
    await made(one, id)
    await store.checkpoint?.()
    const heard = await Promise.all([listen(one, id), listen(other, id)])
    await lose()
    const hasNull = () => heard.every(({ news }) => news.includes(null))
    await until('the watchers did not receive `null`, which says that something may have been missed', hasNull)
    for (const { news } of heard) news.length = 0
    const { version } = await made(one, id)
    const hasIt = () => heard.every((each) => each.has({ version }))
    await until('a record of the new life was not announced', hasIt)
    for (const { stop } of heard) stop()
  }),
]
