import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import { recordOf } from '../../src/server/testing/session-trial.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

test('an idle session takes less than 1,000 bytes of the heap', async () => {
  const { sessions } = memoryStore()
  const count = 20_000
  const before = heapBytes()
  for (let n = 0; n < count; n += 1) {
    void sessions.write(`a session's id, ${n}`, recordOf({ principalId: `p${n}` }), null, 1e12 + n)
    sessions.watch(`a session's id, ${n}`, () => undefined)
  }
  await Promise.resolve()
  expect((heapBytes() - before) / count).toBeLessThan(1000)
  expect((await sessions.count('p1')).all).toBe(count)
})

test('trimmed messages are freed, even those appended after a message that stays', async () => {
  const { sessions } = memoryStore()
  for (const id of ['stays', 'busy']) void sessions.write(id, recordOf(), null, Infinity)
  await sessions.append('stays', 'e1', { kind: 'message', data: 'x' })
  const before = heapBytes()
  for (let n = 1; n <= 500_000; n += 1) {
    void sessions.append('busy', 'e1', { kind: 'message', data: 'x' })
    void sessions.trim('busy', n)
  }
  expect(heapBytes() - before).toBeLessThan(2_000_000)
})

test('messages dropped by the bounds of the store are freed', async () => {
  const { topics } = memoryStore({ maxBytes: 4_000_000, maxBytesPerStream: 1_000_000, maxTopics: 100 })
  const before = heapBytes()
  for (let n = 0; n < 20_000; n += 1) void topics.append(`topic ${n % 1000}`, `${n}`.padStart(2000, '0'))
  expect(heapBytes() - before).toBeLessThan(8_000_000)
})

test('a stream frees each message when it is dropped, not many of them later', async () => {
  const { topics } = memoryStore({ maxMessagesPerStream: 40 })
  const before = heapBytes()
  for (let n = 0; n < 79; n += 1) void topics.append('a', `${n}`.padStart(100_000, '0'))
  expect(heapBytes() - before).toBeLessThan(5_500_000)
})
