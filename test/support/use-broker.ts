import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type Broker, startMosquitto, startRabbit } from './brokers.ts'
import { type Equipment, isEquippedWith, want } from './equipment.ts'

/** The broker of a `describe`, started once for all its tests, which are skipped if it is not installed. */
export function useBroker(what: Extract<Equipment, 'RabbitMQ' | 'mosquitto'>): () => Broker {
  let broker: Broker | undefined
  beforeAll(async () => {
    if (await isEquippedWith(what)) broker = await (what === 'RabbitMQ' ? startRabbit() : startMosquitto())
  }, 90_000)
  beforeEach((context) => want(context, what))
  afterAll(() => broker?.[Symbol.asyncDispose]())
  return () => {
    if (!broker) throw new Error(`There is no ${what}.`)
    return broker
  }
}
