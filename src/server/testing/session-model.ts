import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PrivateEntry, SessionRecord, Versioned } from '../store/ports.ts'
import { type Random, withSeed } from './random.ts'
import { ending, entriesOf, later, recordOf, type SessionCheck, type SessionTrial } from './session-trial.ts'

const steps = 300

/** A session's expected state. */
interface Expected {
  current: Versioned | null
  entries: PrivateEntry[]
  tail: number
}

export const sessionModel: readonly SessionCheck[] = [
  ['does what a plain object would do, at random', (trial) => withSeed(trial.seed, (random) => likeAnObject(trial, random))],
]

async function likeAnObject({ one, other, id, ann }: SessionTrial, random: Random): Promise<void> {
  const sessions = new Map<string, Expected>(['a', 'b', 'c'].map((name) => [`${id} ${name}`, emptied()]))
  const versions = new Set<number>()
  let epochs = 0
  for (let step = 0; step < steps; step += 1) {
    const node = random.pick([one, other])
    const name = random.pick([...sessions.keys()])
    const session = sessions.get(name) ?? emptied()
    const { current } = session
    switch (random.pick(['write', 'write', 'append', 'append', 'trim', 'remove', 'stale'] as const)) {
      case 'write': {
        epochs += 1
        const record = current ? changed(current.record, random) : recordOf({ principalId: ann, epoch: `e${epochs}` })
        const version = await node.write(name, record, current, later(node))
        ok(version !== null && !versions.has(version), 'the current record can be replaced, by a version that was never used')
        versions.add(version)
        session.current = { record, version }
        break
      }
      case 'append': {
        const entry = { kind: random.pick(['a', 'b']), data: 'x'.repeat(random.below(20)) }
        const offset = await node.append(name, current?.record.epoch ?? 'e0', entry)
        equal(offset !== null, current !== null && !current.record.ended)
        if (offset === null) break
        ok(offset > session.tail)
        session.entries.push({ offset, ...entry })
        session.tail = offset
        break
      }
      case 'trim': {
        const through = session.entries[random.below(session.entries.length)]?.offset ?? 0
        await node.trim(name, through)
        session.entries = session.entries.filter(({ offset }) => offset > through)
        break
      }
      case 'remove':
        if (current && random.below(3) === 0) {
          equal(await node.remove(name, current.version), true)
          sessions.set(name, emptied())
        }
        break
      case 'stale': {
        const before = current
          ? random.pick([null, { ...current, version: current.version - 1 }])
          : { record: recordOf(), version: 1 }
        equal(await node.write(name, recordOf({ taken: 99 }), before, later(node)), null)
        break
      }
    }
    await compare(random.pick([one, other]), name, sessions.get(name) ?? emptied())
  }
  const open = [...sessions].filter(([, { current }]) => current && !current.record.ended).map(([name]) => name)
  deepEqual([...(await other.sessionsOf(ann))].sort(), open.sort())
  equal((await one.count(ann)).ofPrincipal, open.length)
}

function emptied(): Expected {
  return { current: null, entries: [], tail: 0 }
}

function changed(record: SessionRecord, random: Random): SessionRecord {
  return {
    ...record,
    taken: record.taken + random.below(2),
    ...(random.below(3) === 0 ? { data: { n: random.below(100) } } : {}),
    ...(random.below(20) === 0 ? { ended: ending } : {}),
  }
}

async function compare(node: SessionTrial['one'], name: string, { current, entries, tail }: Expected): Promise<void> {
  deepEqual(await node.read(name), current)
  deepEqual(await node.renew([name], later(node)), [current && { version: current.version, tail }])
  if (current) deepEqual(await entriesOf(node, name), entries)
}
