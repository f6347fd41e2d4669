import { afterEach, beforeEach, expect } from 'vitest'
import { promised } from './manual-host.ts'

/** Fails each test of a file after which a promise was rejected without a handler; returns the rejections of the current test. */
export function expectNoUnhandledRejections(): readonly unknown[] {
  const rejections: unknown[] = []
  const onRejection = (reason: unknown) => void rejections.push(reason)
  beforeEach(() => {
    rejections.splice(0)
    process.on('unhandledRejection', onRejection)
  })
  afterEach(async () => {
    await promised()
    process.off('unhandledRejection', onRejection)
    expect(rejections, 'unhandled rejections').toEqual([])
  })
  return rejections
}
