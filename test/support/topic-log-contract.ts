import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Payload, TopicLog } from '../../src/server/store/ports.ts'
import { seedOf } from './seeded.ts'
import { tailOf } from './store-calls.ts'

/** An engine under test: what two nodes have of one store (of an engine within one process: twice the same). */
export interface OpenTopicLog {
  readonly nodes: readonly [TopicLog, TopicLog]
  close(): Promise<void>
}

const all = { maxMessages: 1000, maxBytes: 1_000_000 }

/** What every engine behind `TopicLog` has to keep to. Offsets need not follow each other without a hole. */
export function topicLogContract(engine: string, open: () => Promise<OpenTopicLog>): void {
  let store: OpenTopicLog
  let one: TopicLog
  let other: TopicLog
  let topic: string

  beforeEach(async () => {
    store = await open()
    one = store.nodes[0]
    other = store.nodes[1]
    topic = `topic ${Math.random()}`
  })
  afterEach(() => store.close())

  async function filled(count: number): Promise<number[]> {
    const offsets: number[] = []
    for (let n = 1; n <= count; n += 1) offsets.push(await one.append(topic, `message ${n}`))
    return offsets
  }
  const offsetsAfter = async (after: number) => (await other.readAfter(topic, after, all)).messages.map(({ offset }) => offset)

  describe(`${engine} as a TopicLog`, () => {
    it('begins every topic empty, at 0, with an epoch that stays', async () => {
      const { epoch, offset } = await tailOf(one, topic)
      expect(offset).toBe(0)
      expect(epoch).toMatch(/^[\w-]{1,32}$/)
      expect(await tailOf(other, topic)).toEqual({ epoch, offset: 0 })
      expect(await other.readAfter(topic, 0, all)).toEqual({ epoch, messages: [], lostThrough: 0, tail: 0 })
      await one.append(topic, 'first')
      expect((await other.readAfter(topic, 0, all)).epoch).toBe(epoch)
    })

    it('reads what another node has written, in order, at rising offsets', async () => {
      const offsets = await filled(5)
      expect(offsets.every((offset, index) => Number.isSafeInteger(offset) && offset > (offsets[index - 1] ?? 0))).toBe(true)
      const { messages, lostThrough } = await other.readAfter(topic, 0, all)
      expect(messages).toEqual(offsets.map((offset, index) => ({ offset, data: `message ${index + 1}` })))
      expect(lostThrough).toBe(0)
      expect((await tailOf(other, topic)).offset).toBe(offsets.at(-1))
    })

    it('reads on from any position, and from none that is beyond the end', async () => {
      const offsets = await filled(5)
      for (const [index, offset] of offsets.entries()) expect(await offsetsAfter(offset)).toEqual(offsets.slice(index + 1))
      expect(await offsetsAfter((offsets.at(-1) ?? 0) + 1000)).toEqual([])
      expect(await offsetsAfter(Number.MAX_SAFE_INTEGER)).toEqual([])
    })

    it('reads no more than it may, but one message in any case', async () => {
      const [first] = await filled(5)
      const read = async (maxMessages: number, maxBytes: number) =>
        (await one.readAfter(topic, 0, { maxMessages, maxBytes })).messages.length
      expect(await read(3, 1000)).toBe(3)
      expect(await read(1000, 29)).toBe(3)
      expect(await read(1000, 27)).toBe(3)
      expect(await read(1000, 26)).toBe(2)
      expect(await read(1, 1)).toBe(1)
      expect((await one.readAfter(topic, 0, { maxMessages: 5, maxBytes: 1 })).messages[0]?.offset).toBe(first)
    })

    it('counts the bytes of a text as they go over the wire', async () => {
      for (let times = 0; times < 4; times += 1) await one.append(topic, '€€')
      expect((await one.readAfter(topic, 0, { maxMessages: 9, maxBytes: 12 })).messages).toHaveLength(2)
    })

    it.each<[string, Payload]>([
      ['no text', ''],
      ['a long text', 'x'.repeat(100_000)],
      ['line ends, a NUL and what looks like a frame', 'm0.1:\r\n\u2028\0,"}'],
      ['characters of every plane', 'aé€😀'],
      ['no bytes', new Uint8Array()],
      ['every byte', Uint8Array.from({ length: 256 }, (_, index) => index)],
      ['a part of a larger buffer', new Uint8Array(16).fill(7).subarray(3, 6)],
    ])('gives back %s as it was', async (_, data) => {
      const offset = await one.append(topic, data)
      const { messages } = await other.readAfter(topic, 0, all)
      expect(messages.map((message) => message.offset)).toEqual([offset])
      const got = messages[0]?.data ?? ''
      expect(typeof got).toBe(typeof data)
      expect(typeof got === 'string' ? got : [...got]).toEqual(typeof data === 'string' ? data : [...data])
    })

    it('keeps its own bytes, whatever becomes of those it was given', async () => {
      const given = Buffer.from([1, 2, 3])
      await one.append(topic, given)
      given.fill(0)
      for (let times = 0; times < 2; times += 1) {
        const { messages } = await one.readAfter(topic, 0, all)
        expect(messages.map(({ data }) => [...data])).toEqual([[1, 2, 3]])
        ;(messages as unknown[]).length = 0
      }
    })

    it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ', 'a/b?c#d', 'é\n"'])(
      '%j is a topic like any other',
      async (name) => {
        const before = await tailOf(one, name)
        const stop = other.watch(name, () => undefined)
        const offset = await one.append(name, 'here')
        const { epoch, messages } = await other.readAfter(name, before.offset, all)
        expect([epoch, messages]).toEqual([before.epoch, [{ offset, data: 'here' }]])
        stop.stop()
      },
    )

    it('keeps topics apart', async () => {
      await filled(2)
      await one.append(`${topic}'`, 'elsewhere')
      expect(await offsetsAfter(0)).toHaveLength(2)
    })

    it('puts what is appended at once in the order of the calls', async () => {
      const offsets = await Promise.all(Array.from({ length: 50 }, (_, n) => one.append(topic, String(n))))
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
      const { messages } = await other.readAfter(topic, 0, all)
      expect(messages.map(({ data }) => data)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)))
    })

    it('tells whoever watches, on any node, and only of that topic', async () => {
      const heard: string[] = []
      const stops = [
        one.watch(topic, () => heard.push('one')),
        other.watch(topic, () => heard.push('other')),
        other.watch(`${topic}'`, () => heard.push('stranger')),
      ]
      await one.append(topic, 'x')
      await until(() => heard.includes('one') && heard.includes('other'))
      expect(heard).not.toContain('stranger')
      for (const watch of stops) watch.stop()
    })

    it('a listener never runs within the append, and finds the message when it runs', async () => {
      const found: number[][] = []
      const stop = other.watch(topic, () => void offsetsAfter(0).then((offsets) => found.push(offsets)))
      const appended = one.append(topic, 'x')
      expect(found).toEqual([])
      const offset = await appended
      await until(() => found.length > 0)
      expect(found.at(-1)).toEqual([offset])
      stop.stop()
    })

    it('a listener that throws harms nobody, and one that has stopped hears nothing', async () => {
      const heard: string[] = []
      const stops = [
        one.watch(topic, () => {
          throw new Error('mine alone')
        }),
        one.watch(topic, () => heard.push('next')),
      ]
      one.watch(topic, () => heard.push('stopped')).stop()
      await one.append(topic, 'x')
      await until(() => heard.length > 0)
      const before = heard.length
      await one.append(topic, 'y')
      await until(() => heard.length > before)
      expect(heard).not.toContain('stopped')
      for (const watch of stops) watch.stop()
      for (const watch of stops) watch.stop()
    })

    it('does what a plain list would do, whatever is asked of it', { timeout: 60_000 }, async () => {
      const seed = seedOf(process.env)
      let run = 0
      const steps = fc.array(
        fc.oneof(
          fc.record({ kind: fc.constant('append' as const), data: fc.string({ maxLength: 8 }) }),
          fc.record({
            kind: fc.constant('read' as const),
            at: fc.nat(40),
            maxMessages: fc.integer({ min: 1, max: 9 }),
            maxBytes: fc.nat(40),
          }),
        ),
        { maxLength: 60 },
      )
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          run += 1
          const name = `${topic}, run ${run}`
          const { epoch } = await tailOf(one, name)
          const list: { offset: number; data: string }[] = []
          const offsetAt = (at: number) => (at === 0 ? 0 : (list[Math.min(at, list.length) - 1]?.offset ?? 0))
          for (const step of plan) {
            if (step.kind === 'append') list.push({ offset: await one.append(name, step.data), data: step.data })
            else {
              const after = offsetAt(step.at)
              const expected: typeof list = []
              let bytes = 0
              for (const message of list.filter(({ offset }) => offset > after)) {
                bytes += Buffer.byteLength(message.data)
                if (expected.length > 0 && (expected.length === step.maxMessages || bytes > step.maxBytes)) break
                expected.push(message)
              }
              expect(await other.readAfter(name, after, step)).toEqual({
                epoch,
                messages: expected,
                lostThrough: 0,
                tail: list.at(-1)?.offset ?? 0,
              })
            }
            expect(await tailOf(one, name)).toEqual({ epoch, offset: list.at(-1)?.offset ?? 0 })
          }
        }),
        { seed, numRuns: 200 },
      )
    })
  })
}

/** Waits for what an engine reports soon. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('It did not happen within 5 s.')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
