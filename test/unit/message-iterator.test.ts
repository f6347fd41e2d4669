import { describe, expect, it } from 'vitest'
import { MessageQueue } from '../../src/client/message-iterator.ts'

function queueOf(...messages: string[]) {
  let ended = 0
  const queue = new MessageQueue<string>(() => {
    ended += 1
  })
  for (const message of messages) queue.push(message, message.length)
  return { queue, ended: () => ended }
}
const end = { value: undefined, done: true }

describe('a queue of messages', () => {
  it('yields them in order, whether next() or push() was called first', async () => {
    const { queue } = queueOf('a', 'b')
    expect(await queue.next()).toEqual({ value: 'a', done: false })
    const [b, c, d] = [queue.next(), queue.next(), queue.next()]
    queue.push('c', 1)
    queue.push('d', 1)
    expect((await Promise.all([b, c, d])).map(({ value }) => value)).toEqual(['b', 'c', 'd'])
  })

  it('can be read with for await', async () => {
    const { queue } = queueOf('a', 'b')
    queue.end(null)
    const seen: string[] = []
    for await (const message of queue) seen.push(message)
    expect(seen).toEqual(['a', 'b'])
  })

  it('ends when the loop is left', async () => {
    const { queue, ended } = queueOf('a', 'b')
    for await (const message of queue) if (message === 'a') break
    expect(ended()).toBe(1)
    expect(await queue.next()).toEqual(end)
  })

  it('resolves pending next() calls as done when return() is called', async () => {
    const { queue } = queueOf()
    const waiting = queue.next()
    expect(await queue.return()).toEqual(end)
    expect(await waiting).toEqual(end)
  })

  it('resolves pending next() calls as done when it ends, and ends once', async () => {
    const { queue, ended } = queueOf()
    const waiting = [queue.next(), queue.next()]
    queue.end(null)
    queue.end(new Error('too late'))
    expect(await Promise.all([...waiting, queue.next()])).toEqual([end, end, end])
    expect(ended()).toBe(1)
  })

  it('yields unread messages before an error, which is thrown once', async () => {
    const { queue } = queueOf('a')
    queue.end(new Error('over'))
    expect(await queue.next()).toEqual({ value: 'a', done: false })
    await expect(queue.next()).rejects.toThrow('over')
    expect(await queue.next()).toEqual(end)
  })

  it('rejects a pending next() with its error', async () => {
    const { queue } = queueOf()
    const waiting = queue.next()
    queue.end(new Error('over'))
    await expect(waiting).rejects.toThrow('over')
  })
})

describe('unread messages are bounded', () => {
  it('at 1,000 messages', async () => {
    const { queue, ended } = queueOf()
    for (let n = 0; n < 1000; n += 1) queue.push('x', 1)
    expect(ended()).toBe(0)
    queue.push('x', 1)
    expect(ended()).toBe(1)
    for (let n = 0; n < 1000; n += 1) await queue.next()
    await expect(queue.next()).rejects.toThrow(/1000 messages \(1000 bytes\) .*unread/)
  })

  it('at 1 MiB, for which messages that were read do not count', async () => {
    const { queue, ended } = queueOf()
    queue.push('large', 2 ** 20 - 1)
    await queue.next()
    queue.push('large', 2 ** 20 - 1)
    queue.push('x', 1)
    expect(ended()).toBe(0)
    queue.push('x', 1)
    expect(ended()).toBe(1)
  })
})
