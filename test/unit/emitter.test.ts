import { describe, expect, it } from 'vitest'
import { Emitter } from '../../src/emitter.ts'

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
    emitter.add('open', named('first'), false)
    emitter.add('open', { handleEvent: named('object') }, false)
    emitter.add('close', named('other'), false)
    emitter.emit('open', 'x', named('handler'))
    expect(calls).toEqual(['first x', 'object x', 'handler x'])
  })

  it('are added once', () => {
    const { emitter, calls, named } = benchOf()
    const listener = named('a')
    emitter.add('open', listener, false)
    emitter.add('open', listener, true)
    emitter.emit('open', '1', null)
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['a 1', 'a 2'])
  })

  it('can be removed, also when they never were added', () => {
    const { emitter, calls, named } = benchOf()
    const listener = named('a')
    emitter.remove('open', listener)
    emitter.add('open', listener, false)
    emitter.remove('open', named('a'))
    emitter.remove('open', listener)
    emitter.emit('open', 'x', null)
    expect(calls).toEqual([])
  })

  it('of one time are removed before they are called', () => {
    const { emitter, calls } = benchOf()
    emitter.add(
      'open',
      (event) => {
        calls.push(event)
        if (event === '1') emitter.emit('open', 'again', null)
      },
      true,
    )
    emitter.emit('open', '1', null)
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['1'])
  })

  it('that throw stop nobody and are reported', () => {
    const { emitter, calls, named, reported } = benchOf()
    const error = new Error('mistake')
    emitter.add(
      'open',
      () => {
        throw error
      },
      false,
    )
    emitter.add('open', named('second'), false)
    emitter.emit('open', 'x', () => {
      throw 'handler'
    })
    expect(calls).toEqual(['second x'])
    expect(reported).toEqual([error, 'handler'])
  })

  it('added while they are called are called the next time', () => {
    const { emitter, calls, named } = benchOf()
    const late = named('late')
    emitter.add('open', () => emitter.add('open', late, false), false)
    emitter.emit('open', '1', null)
    expect(calls).toEqual([])
    emitter.emit('open', '2', null)
    expect(calls).toEqual(['late 2'])
  })

  it('removed by one before them are not called any more, as in an EventTarget', () => {
    const { emitter, calls, named } = benchOf()
    const second = named('second')
    emitter.add('open', () => emitter.remove('open', second), false)
    emitter.add('open', second, false)
    emitter.emit('open', 'x', null)
    expect(calls).toEqual([])
  })
})
