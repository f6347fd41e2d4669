import { expect, it } from 'vitest'
import type { Payload } from '../../src/api/protocol.ts'
import { FakeSession } from '../../src/testing/session.ts'
import { SessionCalls } from '../../src/testing/session-calls.ts'
import { type Attached, SessionRecord } from '../../src/testing/session-record.ts'
import { Topics } from '../../src/testing/topics.ts'
import { RequestError } from '../../src/wire/request-error.ts'
import type { CloseFrame, Hello } from '../../src/wire/steadfast-v1.ts'
import { type HelloOptions, helloOf, newsOf, ServerBench } from '../support/server-bench.ts'

/** A client's side of one attachment. */
interface Attachment {
  readonly epoch: string
  say(frame: string): void
  lose(): void
  /** The frames since the last call, and how the attachment ended. */
  heard(): Promise<ReturnType<typeof told>>
}

/** A server's half of one session. */
interface Half {
  attach(hello: HelloOptions): Promise<Attachment>
  send(text: string, topic?: string): Promise<void>
  publish(topic: string, text: string): Promise<void>
  end(close: CloseFrame): Promise<void>
  readonly received: unknown[]
}

function onRequest(data: Payload): Payload {
  if (data === 'refused') throw new RequestError('no', 'not you')
  return `re: ${data}`
}

function onSubscribe(topic: string): boolean | { readonly topic: string } {
  return topic === 'mine' ? { topic: 'real' } : topic !== 'secret'
}

function onPublish(topic: string, data: Payload): boolean | { readonly data: Payload } {
  return topic === 'mine' && { data: `${data}!` }
}

function fake(): Half {
  const received: unknown[] = []
  const topics = new Topics()
  const record: SessionRecord = new SessionRecord(helloOf() as Hello, 'e', {
    received(message) {
      received.push(message)
      return message === 'refused' ? { code: 'bad', message: 'no' } : null
    },
    acknowledges: () => true,
    called: (n, call) => calls.called(n, call),
    ended: () => calls.end(),
  })
  const publish = (topic: string, message: Payload) => {
    const { offset } = topics.publish(topic, message)
    for (const stream of record.streams.all) if (stream.topic === topic) record.streams.deliver(stream, offset, message)
    return offset
  }
  const session: FakeSession<Payload, Payload> = new FakeSession(
    record,
    topics,
    (data) => data,
    (data, signal) => calls.ask(data, signal),
  )
  const calls: SessionCalls<Payload, Payload> = new SessionCalls(record, session, topics, {
    handlers: { onRequest, onSubscribe, onPublish },
    encode: (data) => data,
    decode: (payload) => payload,
    requested() {},
    publish,
    after: () => () => {},
    wallTime: () => 0,
    failed() {},
  })
  return {
    received,
    async attach(hello) {
      const frames: (string | Uint8Array)[] = []
      let closed: CloseFrame | null = null
      const attached: Attached = {
        takesBytes: true,
        isChosen: false,
        write: (frame) => void frames.push(typeof frame === 'string' ? frame : new Uint8Array(frame)),
        end(close) {
          closed = close
          record.detach(attached, { by: 'server', code: close.code, reason: close.reason ?? '' })
        },
        ended() {},
        reauthenticated() {},
      }
      if (record.ended && !record.hasNews(helloOf(hello) as Hello)) closed = record.ended
      else {
        record.attach(attached, helloOf(hello) as Hello)
        if (record.ended) attached.end(record.ended)
      }
      return {
        epoch: record.epoch,
        say: (frame) => record.receive(frame, attached),
        lose: () => record.detach(attached, { by: 'network', code: 1006, reason: '' }),
        heard: async () => told(frames, closed),
      }
    },
    send: async (text, topic) => session.send(text, topic === undefined ? {} : { topic }),
    async publish(topic, text) {
      publish(topic, text)
    },
    end: async (close) => record.end(close),
  }
}

function real(): Half {
  const received: unknown[] = []
  const bench = new ServerBench({
    handlers: {
      onMessage(_, { data }) {
        received.push(data)
        if (data === 'refused') throw new RequestError('bad', 'no')
      },
      onRequest: (_, { data }) => onRequest(data),
      onSubscribe: (_, topic) => onSubscribe(topic),
      onPublish: (_, topic, data) => onPublish(topic, data),
    },
  })
  return {
    received,
    async attach(hello) {
      const { carrier, attachment } = await bench.attach(hello)
      return {
        epoch: carrier.closed ? '' : carrier.open.epoch,
        say: (frame) => attachment.receive(frame),
        lose: () => attachment.ended({ by: 'network', code: 1006, reason: '' }),
        async heard() {
          await bench.pass(1500)
          return told(carrier.frames, carrier.closed)
        },
      }
    },
    async send(text, topic) {
      const session = await bench.session()
      if (topic === undefined) session.send(text)
      else {
        await session.subscribe(topic)
        await bench.at(0).publish(topic, text)
      }
      await bench.pass(10)
    },
    async publish(topic, text) {
      await bench.at(0).publish(topic, text)
      await bench.pass(10)
    },
    async end({ code, reason }) {
      await (await bench.session()).close(code, reason)
      await bench.pass(10)
    },
  }
}

/** What was received, without the epochs and the times that each server chooses itself. */
function told(frames: (string | Uint8Array)[], closed: unknown) {
  const all = frames.splice(0)
  const [, topicEpoch] = all.map((frame) => /^s.*"epoch":"([\w-]+)"/.exec(String(frame))).find((each) => each) ?? []
  const [opening] = all
  const open = typeof opening === 'string' && opening.startsWith('o') ? JSON.parse(opening.slice(1)) : null
  const { k, resumed, taken, ack, lastEnd } = open ?? {}
  const acks = all.filter((frame) => String(frame).startsWith('a'))
  const news = newsOf(all.filter((frame) => !acks.includes(frame)))
  return {
    open: open && { k, resumed, taken, ack, lastEnd },
    news: news.map((each) => each.replace(/"epoch":"[\w-]+"/, '"epoch":"…"')),
    acked: acks.at(-1) ?? null,
    closed: closed && typeof closed === 'object' && 'code' in closed ? closed.code : null,
    topicEpoch,
  }
}

async function story({ attach, send, end, received }: Half) {
  const chapters: unknown[] = []
  const first = await attach({})
  first.say('t1')
  first.say('M[1,"a","b"]')
  const { epoch } = first
  chapters.push(await first.heard())
  await send('one')
  await send('two')
  chapters.push(await first.heard())
  first.lose()
  await send('three')
  const second = await attach({ k: 2, n: 3, last: 3, cursor: `0.1~${epoch}` })
  second.say('t2')
  second.say('M[2,"b","c"]')
  second.say('w4')
  second.say('m5:d')
  second.say('p')
  chapters.push(await second.heard())
  await send('of a topic', 'news')
  const { topicEpoch, ...chapter } = await second.heard()
  chapters.push(chapter)
  const third = await attach({ k: 3, n: 6, last: 5, cursor: `0.3~${epoch}` })
  third.say('t3')
  chapters.push(await third.heard(), await second.heard())
  third.lose()
  await send('last words')
  await end({ code: 4410, reason: 'kicked' })
  for (const offset of [4, 5]) {
    const late = await attach({ k: offset, n: 6, last: 5, cursor: `0.${offset}~${epoch},1.1~${topicEpoch}` })
    late.say(`t${offset}`)
    late.say(`a0.5~${epoch}`)
    chapters.push(await late.heard())
  }
  return { chapters: chapters.map((each) => ({ ...(each as object), topicEpoch: null })), received }
}

it('the fake server half of a session sends the same frames as the real one', async () => {
  expect(await story(fake())).toEqual(await story(real()))
})

/** The calls of a page, and the answers to each of them. */
async function calls({ attach, publish }: Half) {
  const chapters: unknown[] = []
  await publish('real', 'a')
  await publish('real', 'b')
  const page = await attach({})
  page.say('t1')
  const asked = [
    { type: 'request', data: 'x' },
    { type: 'request', base64: 'eA==' },
    { type: 'request', data: 'refused' },
    { type: 'subscribe', topic: 'secret' },
    { type: 'subscribe', topic: 'mine', since: { last: 1 } },
    { type: 'publish', topic: 'mine', data: 'c' },
    { type: 'publish', topic: 'other', data: 'd' },
    { type: 'subscribe', topic: 'mine', since: 'start', after: { epoch: 'of-another-life', offset: 1 } },
    { type: 'members', topic: 'not mine' },
    { type: 'abort', of: 1 },
    { type: 'unsubscribe', topic: 'mine' },
    { type: 'unsubscribe', topic: 'mine' },
  ]
  for (const [index, call] of asked.entries()) {
    page.say(`C${index + 1}:${JSON.stringify(call)}`)
    chapters.push([call, { ...(await page.heard()), topicEpoch: null }])
  }
  page.say('m13:refused')
  page.say('m14:taken')
  chapters.push({ ...(await page.heard()), topicEpoch: null })
  page.lose()
  const again = await attach({ k: 2, n: 15, last: 14, cursor: `0.0~${page.epoch}` })
  again.say('t2')
  chapters.push({ ...(await again.heard()), topicEpoch: null })
  return chapters
}

it('[SP21] [SP22] the fake server half of a session answers calls as the real one does', async () => {
  expect(await calls(fake())).toEqual(await calls(real()))
})
