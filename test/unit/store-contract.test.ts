import { describe, it } from 'vitest'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import { sessionStoreContract, topicLogContract } from '../../src/server/testing/index.ts'

const close = () => Promise.resolve()
describe('memoryStore', () => {
  for (const { name, run } of topicLogContract(async () => {
    const { topics } = memoryStore()
    return { nodes: [topics, topics], close }
  }))
    it(name, run)
  for (const { name, run } of sessionStoreContract(async () => {
    const { sessions } = memoryStore()
    return { nodes: [sessions, sessions], close }
  }))
    it(name, run)
})
