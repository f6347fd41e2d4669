import { Client } from '@stomp/stompjs'
import { describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { type Spring, useSpring } from '../support/spring.ts'

/** The Spring application of the tests is what a Spring developer has: STOMP with the simple broker. */
describe('Spring', () => {
  let spring: Spring
  useSpring((started) => {
    spring = started
  })

  it('echoes and broadcasts over STOMP at /ws, with receipts', async () => {
    const got: string[] = []
    const receipts: string[] = []
    const client = new Client({
      webSocketFactory: () => new WebSocket(`${spring.origin}/ws`, ['v12.stomp']) as never,
      reconnectDelay: 0,
      onConnect() {
        client.subscribe('/user/queue/echo', ({ body }) => void got.push(`echo ${body}`))
        client.subscribe('/topic/chat', ({ body }) => void got.push(`chat ${body}`), { receipt: 'subscribed' })
        client.watchForReceipt('subscribed', () => {
          receipts.push('subscribed')
          client.watchForReceipt('sent', () => void receipts.push('sent'))
          client.publish({ destination: '/app/echo', body: 'one' })
          client.publish({ destination: '/app/chat', body: 'two', headers: { receipt: 'sent' } })
        })
      },
    })
    client.activate()
    await vi.waitFor(
      () =>
        expect([got.toSorted(), receipts]).toEqual([
          ['chat two', 'echo one'],
          ['subscribed', 'sent'],
        ]),
      10_000,
    )
    await client.deactivate()
  })
})
