import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Emitter } from '../../src/client/emitter.ts'

type Listener = (event: string) => void

function benchOf() {
  const reported: unknown[] = []
  const calls: string[] = []
  const emitter = new Emitter<'open' | 'close', string>((error) => reported.push(error))
  return {
    reported,
    calls,
    emitter,
    named:
      (name: string): Listener =>
      (event) =>
        calls.push(`${name} ${event}`),
  }
}

describe('listeners', () => {
  it('are called in the order in which they were added, then the handler property', () => {
    const { emitter, calls, named } = benchOf()
    emitter.add('open', named('first'))
    emitter.add('open', { handleEvent: named('object') })
    emitter.add('close', named('other'))
    emitter.emit('open', 'x', named('handler'))
    expect(calls).toEqual(['first x', 'object x', 'handler x'])
  })

  it('that are added twice are called once', () => {
    const { emitter, calls, named } = benchOf()
    const listener = named('a')
    emitter.add('open', listener)
    emitter.add('open', listener, { once: true })
    emitter.emit('open', '1', null)
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['a 1', 'a 2'])
  })

  it('can be removed, and removing one that was not added has no effect', () => {
    const { emitter, calls, named } = benchOf()
    const listener = named('a')
    emitter.remove('open', listener)
    emitter.add('open', listener)
    emitter.remove('open', named('a'))
    emitter.remove('open', listener)
    emitter.emit('open', 'x', null)
    expect(calls).toEqual([])
  })

  it('with `once` are removed before they are called', () => {
    const { emitter, calls } = benchOf()
    emitter.add(
      'open',
      (event) => {
        calls.push(event)
        if (event === '1') emitter.emit('open', 'again', null)
      },
      { once: true },
    )
    emitter.emit('open', '1', null)
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['1'])
  })

  it('that throw are reported, and the others are still called', () => {
    const { emitter, calls, named, reported } = benchOf()
    const error = new Error('mistake')
    emitter.add('open', () => {
      throw error
    })
    emitter.add('open', named('second'))
    emitter.emit('open', 'x', () => {
      throw 'handler'
    })
    expect(calls).toEqual(['second x'])
    expect(reported).toEqual([error, 'handler'])
  })

  it('added during an event are called from the next one on', () => {
    const { emitter, calls, named } = benchOf()
    const late = named('late')
    emitter.add('open', () => emitter.add('open', late))
    emitter.emit('open', '1', null)
    expect(calls).toEqual([])
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['late 2'])
  })

  it('removed by an earlier listener are no longer called, as in an EventTarget', () => {
    const { emitter, calls, named } = benchOf()
    const second = named('second')
    emitter.add('open', () => emitter.remove('open', second))
    emitter.add('open', second)
    emitter.emit('open', 'x', null)
    expect(calls).toEqual([])
  })
})

/** The numbers of calls follow the DOM Standard, from which Node's `EventTarget` deviates more than browsers do. */
describe('listeners with a signal', () => {
  type Step = 'add f' | 'add f with the signal' | 'add f once with the signal' | 'remove f' | 'abort' | 'emit'
  const rows: readonly (readonly [string, readonly Step[], number])[] = [
    ['are removed when it is aborted', ['add f with the signal', 'emit', 'abort', 'emit'], 1],
    ['ignore the signal of a second registration', ['add f', 'add f with the signal', 'abort', 'emit'], 1],
    ['are removed on abort despite a second registration', ['add f with the signal', 'add f', 'abort', 'emit'], 0],
    ['removed and added again ignore the old signal', ['add f with the signal', 'remove f', 'add f', 'abort', 'emit'], 1],
    ['called once and added again ignore it as well', ['add f once with the signal', 'emit', 'add f', 'abort', 'emit'], 2],
    ['are not added if it was already aborted', ['abort', 'add f with the signal', 'emit'], 0],
    ['can be added again without it after the abort', ['add f with the signal', 'abort', 'add f', 'emit'], 1],
  ]

  it.each(rows)('%s', (_, steps, count) => {
    const { emitter, calls, named } = benchOf()
    const controller = new AbortController()
    const { signal } = controller
    const f = named('f')
    const take: Readonly<Record<Step, () => unknown>> = {
      'add f': () => emitter.add('open', f),
      'add f with the signal': () => emitter.add('open', f, { signal }),
      'add f once with the signal': () => emitter.add('open', f, { signal, once: true }),
      'remove f': () => emitter.remove('open', f),
      abort: () => controller.abort(),
      emit: () => emitter.emit('open', 'x', null),
    }
    for (const step of steps) take[step]()
    expect(calls).toHaveLength(count)
  })

  it('are already removed when an earlier abort listener runs, as in a browser', () => {
    const { emitter, calls, named } = benchOf()
    const controller = new AbortController()
    const listener = named('f')
    controller.signal.addEventListener('abort', () => {
      emitter.emit('open', '1', null)
      emitter.add('open', listener)
    })
    emitter.add('open', listener, { signal: controller.signal })
    emitter.add('open', named('g'))
    controller.abort()
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['g 1', 'g 2', 'f 2'])
  })

  it('share one abort listener, which is removed with the last of them', () => {
    const { emitter, calls, named } = benchOf()
    const { signal } = new AbortController()
    const offs = Array.from({ length: 1000 }, (_, index) =>
      emitter.add(index % 2 ? 'open' : 'close', named(String(index)), { signal, once: index === 1 }),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    emitter.emit('open', 'x', null)
    expect(calls).toHaveLength(500)
    for (const off of offs.slice(0, -1)) off()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    offs.at(-1)?.()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('leave no abort listener behind, whether they are removed, called once or aborted', () => {
    const { emitter, named } = benchOf()
    const controller = new AbortController()
    for (let round = 0; round < 100; round += 1) emitter.add('open', named('f'), { signal: controller.signal })()
    emitter.add('open', named('g'), { signal: controller.signal, once: true })
    emitter.emit('open', 'x', null)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    emitter.add('open', named('h'), { signal: controller.signal })
    controller.abort()
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })
})

describe('the function that add() returns', () => {
  it('removes only its own registration, however often it is called', () => {
    const { emitter, calls, named } = benchOf()
    const listener = named('f')
    const off = emitter.add('open', listener)
    off()
    emitter.add('open', listener)
    off()
    emitter.emit('open', '1', null)
    const ignored = emitter.add('open', listener)
    ignored()
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['f 1', 'f 2'])
  })
})

describe('a value that is no listener', () => {
  it.each([null, undefined])('is ignored if it is %s', (nothing) => {
    const { emitter, reported } = benchOf()
    emitter.add('open', nothing)()
    emitter.remove('open', nothing)
    emitter.emit('open', 'x', null)
    expect(reported).toEqual([])
    expect(emitter.has('open')).toBe(false)
  })

  it.each(['text', 42, true])('throws a TypeError if it is %s', (value) => {
    const { emitter } = benchOf()
    expect(() => emitter.add('open', value as unknown as Listener)).toThrow(TypeError)
  })
})

describe('listeners for all types', () => {
  it('are called last, for each event, and support `once` and `signal`', () => {
    const { emitter, calls, named } = benchOf()
    const controller = new AbortController()
    emitter.add('*', named('all'), { signal: controller.signal })
    emitter.add('*', named('next'), { once: true })
    emitter.add('open', named('open'))
    emitter.emit('open', '1', named('handler'))
    emitter.emit('close', '2', null)
    controller.abort()
    emitter.emit('close', '3', null)
    expect(calls).toEqual(['open 1', 'handler 1', 'all 1', 'next 1', 'all 2'])
  })
})
