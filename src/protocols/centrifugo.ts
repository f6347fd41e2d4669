import type { Dialect, Gap, Moved, Payload, Protocol, Received } from '../api/protocol.ts'
import { StopConnecting } from '../connection/stop-connecting.ts'
import { countOf, textOf } from '../wire/readers.ts'
import { checkSettings, isRecord, isTexts } from './checks.ts'

export interface CentrifugoSettings {
  /** The channels to subscribe to, where the server allows it to clients. @defaultValue those that the server subscribes the client to */
  readonly channels?: readonly string[]
  /**
   * Whether the channels keep a history and recover from it (`history_size`, `history_ttl`, `force_recovery`), so that nothing is missed
   * while the client reconnects, and the connection may move to a better transport. @defaultValue true
   */
  readonly recovery?: boolean
}

/** The query parameter with the connect request. */
const parameter = 'cf_connect'

/** Of so many channels the place is kept: as many as Centrifugo lets a client have by default. The query of a URL has to hold them. */
const mostChannels = 128

/** How far a channel was read. */
interface Position {
  readonly epoch: string
  readonly offset: number
}

/**
 * Centrifugo 4 to 6 over its unidirectional transports: `uni_websocket` and `uni_sse`, which have URLs of their own. Each publication is a
 * message: its data as JSON text, its channel as `topic`. `prepare()` may return the rest of the connect request, such as the token:
 * `{ query: { cf_connect: JSON.stringify({ token }) } }`. Clients publish through a backend: give its URL as `sendUrl`.
 *
 * After a disconnect that Centrifugo means to be final (3500 to 3999 and 4500 to 4999), the client closes with the cause `client.stopped`.
 *
 * @throws TypeError where a setting is wrong
 */
export function centrifugo(settings: CentrifugoSettings = {}): Protocol {
  checkSettings('centrifugo()', settings, {
    channels: [isTexts, 'a list of at least one channel'],
    recovery: [(value) => typeof value === 'boolean', 'true or false'],
  })
  const { channels = [], recovery = true } = settings
  const dialect = (cursor: () => string | null) => attachment(channels, recovery, cursor)
  const resumes = (transport: string) => recovery && (transport === 'websocket' || transport === 'sse')
  return { ...dialect(() => null), name: 'centrifugo', resumes, dialect }
}

function attachment(channels: readonly string[], recovery: boolean, cursor: () => string | null): Dialect {
  let positions = positionsOf(null)

  return {
    ask({ url, cursor: from }) {
      positions = positionsOf(from)
      const given: unknown = JSON.parse(url.searchParams.get(parameter) ?? '{}')
      if (!isRecord(given)) throw new TypeError(`centrifugo(): ${parameter} must be a connect request as JSON`)
      const wanted = [
        ...channels.map((channel) => [channel, {}]),
        ...Object.entries(isRecord(given['subs']) ? given['subs'] : {}),
      ]
      const had = Array.from(positions, ([channel, position]) => [channel, { recover: true, ...position }])
      return { query: { [parameter]: JSON.stringify({ ...given, subs: Object.fromEntries([...wanted, ...had]) }) } }
    },
    readFrame: (frame) => linesOf(frame).flatMap(read),
    readEvent: ({ data }) => read(JSON.parse(data)),
    readAnswer: () => ({ messages: [] }),
  }

  /** One push of the server; `{}` is its ping. */
  function read(push: unknown): (Received | Moved)[] {
    if (!isRecord(push)) throw new TypeError('the server sent JSON that is no push')
    const { connect, subscribe, unsubscribe, pub, message, disconnect } = push
    if (isRecord(disconnect)) stopAfter(disconnect)
    if (isRecord(connect)) return isRecord(connect['subs']) ? joined(Object.entries(connect['subs'])) : []
    if (isRecord(message)) return [{ data: textOfData(message['data']) }]
    if (isRecord(pub)) return published(textOf(push['channel']), pub)
    if (isRecord(subscribe)) return joined([[textOf(push['channel']), subscribe]])
    if (unsubscribe) positions.delete(textOf(push['channel']))
    return []
  }

  /** What was missed of channels, and where they stand. */
  function joined(subscriptions: readonly (readonly [string, unknown])[]): (Received | Moved)[] {
    const received = subscriptions.flatMap(([channel, subscription]) => {
      const { epoch, offset = 0, publications, recoverable, recovered } = isRecord(subscription) ? subscription : {}
      const before = positions.get(channel)
      const pubs = listOf(publications)
      const lost =
        before && recoverable === true && recovered !== true && gapIn(channel, before, textOf(epoch), countOf(offset), pubs)
      if (recovery && recoverable === true && (before || positions.size < mostChannels))
        // Recovered, it goes on from where it was, by the publications that were missed.
        positions.set(channel, { epoch: textOf(epoch), offset: recovered && before ? before.offset : countOf(offset) })
      const missed = lost ? [{ cursor: written(), gap: lost }] : []
      return [...missed, ...pubs.flatMap((pub) => published(channel, pub))]
    })
    return positions.size ? [...received, { cursor: written() }] : received
  }

  function published(channel: string, { data, offset }: Readonly<Record<string, unknown>>): Received[] {
    const message = { data: textOfData(data), topic: channel }
    const here = positions.get(channel)
    if (!here || offset === undefined) return [message]
    const { epoch } = here
    const number = countOf(offset)
    positions.set(channel, { epoch, offset: Math.max(here.offset, number) })
    const had = positionsOf(cursor()).get(channel)
    return had?.epoch === epoch && number <= had.offset ? [] : [{ ...message, id: String(offset), cursor: written() }]
  }

  /** How far the application has read, over any attachment, and this one where it is ahead. */
  function written(): string {
    const all = new Map(positions)
    for (const [channel, { epoch, offset }] of positionsOf(cursor())) {
      const here = all.get(channel)
      if (here?.epoch === epoch && here.offset < offset) all.set(channel, { epoch, offset })
    }
    return JSON.stringify(Object.fromEntries(all))
  }
}

/** What the server could not recover of a channel; `null` where nothing was published meanwhile. */
function gapIn(topic: string, before: Position, epoch: string, offset: number, pubs: ReturnType<typeof listOf>): Gap | null {
  const after = before.epoch === epoch ? before.offset : null
  const resumesAt = pubs[0] ? countOf(pubs[0]['offset']) : offset + 1
  return after !== null && resumesAt <= after + 1 ? null : { topic, after, resumesAt }
}

/** @throws StopConnecting where the range of the code says that connecting again has no point */
function stopAfter({ code, reason }: Readonly<Record<string, unknown>>): void {
  const number = countOf(code)
  if ((number >= 3500 && number < 4000) || (number >= 4500 && number < 5000))
    throw new StopConnecting(`${textOf(reason)} (${number})`)
}

function listOf(publications: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(publications) ? publications.filter(isRecord) : []
}

/** What an application published, which is JSON. */
function textOfData(data: unknown): string {
  return JSON.stringify(data ?? null)
}

/** A frame is one push, or with `join_push_messages` several, one a line. */
function linesOf(frame: Payload): readonly unknown[] {
  const text = typeof frame === 'string' ? frame : new TextDecoder().decode(frame)
  try {
    return [JSON.parse(text)]
  } catch {
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
}

function positionsOf(cursor: string | null): Map<string, Position> {
  const positions: Readonly<Record<string, Position>> = cursor ? JSON.parse(cursor) : {}
  return new Map(Object.entries(positions))
}
