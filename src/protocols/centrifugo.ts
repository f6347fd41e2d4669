import type { Dialect, Gap, Moved, Payload, Protocol, Received } from '../api/protocol.ts'
import { StopConnecting } from '../connection/stop-connecting.ts'
import { countOf, textOf } from '../wire/readers.ts'
import { checkSettings, isRecord, isTexts } from './checks.ts'

/** The settings of `centrifugo()`. */
export interface CentrifugoSettings {
  /** The channels to subscribe to, if clients may. @defaultValue those to which the server subscribes the client */
  readonly channels?: readonly string[]
  /**
   * Whether the channels keep a history and recover from it (`history_size`, `history_ttl`, `force_recovery`), so that a
   * reconnect misses nothing, and the connection may move to a better transport. @defaultValue true
   */
  readonly recovery?: boolean
}

/** The query parameter that holds the connect request. */
const parameter = 'cf_connect'

/** The most channels with a position, as many as Centrifugo allows a client by default; the query of a URL has to hold them. */
const maxChannels = 128

/** How far a channel was read. */
interface Position {
  readonly epoch: string
  readonly offset: number
}

/**
 * Centrifugo 4 to 6 over its unidirectional transports, `uni_websocket` and `uni_sse`, which have separate URLs. Each publication
 * is a message: its data as JSON text, its channel as `topic`. `prepare()` may return the rest of the connect request, such as
 * the token: `{ query: { cf_connect: JSON.stringify({ token }) } }`. Clients publish through a backend: give its URL as
 * `sendUrl`.
 *
 * After a disconnect with a final code of Centrifugo (3500 to 3999 and 4500 to 4999), the client closes with the cause
 * `client.stopped`.
 *
 * @throws TypeError for an invalid setting
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
      const given = requestIn(url)
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

  /** Reads one push of the server; `{}` is its ping. */
  function read(push: unknown): (Received | Moved)[] {
    if (!isRecord(push)) throw new TypeError('the server sent JSON that is not a push')
    const { connect, subscribe, unsubscribe, pub, message, disconnect } = push
    if (isRecord(disconnect)) stopAfter(disconnect)
    if (isRecord(connect)) return isRecord(connect['subs']) ? joined(Object.entries(connect['subs'])) : []
    if (isRecord(message)) return [{ data: textOfData(message['data']) }]
    if (isRecord(pub)) return published(textOf(push['channel']), pub)
    if (isRecord(subscribe)) return joined([[textOf(push['channel']), subscribe]])
    if (unsubscribe) positions.delete(textOf(push['channel']))
    return []
  }

  /** Takes the positions of the subscribed channels, and returns their recovered publications and gaps. */
  function joined(subscriptions: readonly (readonly [string, unknown])[]): (Received | Moved)[] {
    const received = subscriptions.flatMap(([channel, subscription]) => {
      const { epoch, offset = 0, publications, recoverable, recovered } = isRecord(subscription) ? subscription : {}
      const before = positions.get(channel)
      const pubs = listOf(publications)
      const lost =
        before && recoverable === true && recovered !== true && gapIn(channel, before, textOf(epoch), countOf(offset), pubs)
      if (recovery && recoverable === true && (before || positions.size < maxChannels))
        // A recovered channel continues from its old position, which the missed publications advance.
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

  /** The cursor: for each channel, the further position of this attachment and of the client. */
  function written(): string {
    const all = new Map(positions)
    for (const [channel, { epoch, offset }] of positionsOf(cursor())) {
      const here = all.get(channel)
      if (here?.epoch === epoch && here.offset < offset) all.set(channel, { epoch, offset })
    }
    return JSON.stringify(Object.fromEntries(all))
  }
}

/** The connect request that `prepare()` has put into the URL. @throws TypeError that does not show it, since it holds the token */
function requestIn(url: URL): Readonly<Record<string, unknown>> {
  try {
    const given: unknown = JSON.parse(url.searchParams.get(parameter) ?? '{}')
    if (isRecord(given)) return given
  } catch {}
  throw new TypeError(`centrifugo(): ${parameter} must be a connect request as JSON`)
}

/** What the server could not recover of a channel; `null` if nothing was published in the meantime. */
function gapIn(topic: string, before: Position, epoch: string, offset: number, pubs: ReturnType<typeof listOf>): Gap | null {
  const after = before.epoch === epoch ? before.offset : null
  const resumesAt = pubs[0] ? countOf(pubs[0]['offset']) : offset + 1
  return after !== null && resumesAt <= after + 1 ? null : { topic, after, resumesAt }
}

/** @throws StopConnecting if the code is in a range for which reconnecting is pointless */
function stopAfter({ code, reason }: Readonly<Record<string, unknown>>): void {
  const number = countOf(code)
  if ((number >= 3500 && number < 4000) || (number >= 4500 && number < 5000))
    throw new StopConnecting(`${textOf(reason)} (${number})`)
}

function listOf(publications: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(publications) ? publications.filter(isRecord) : []
}

/** The data of a publication, which is JSON, as text. */
function textOfData(data: unknown): string {
  return JSON.stringify(data ?? null)
}

/** A frame is one push or, with `join_push_messages`, one push per line. */
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
