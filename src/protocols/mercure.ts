import type { Payload, Protocol } from '../api/protocol.ts'
import { byteString } from '../util/http-fields.ts'
import { checkSettings, isRecord, isText, isTexts } from './checks.ts'
import { plain } from './plain.ts'

/** What a hub is told to publish (Mercure, "Publication"): the fields of its form. */
export interface MercureUpdate {
  /** The topic; of several, the first is the canonical one and the others are its alternates. */
  readonly topic: string | readonly string[]
  /** The content. @defaultValue the message that was sent */
  readonly data?: string
  /** Whether only subscribers whose token names the topic get it. @defaultValue false */
  readonly private?: boolean
  /** The update's id, unique at the hub. @defaultValue one of the hub's own */
  readonly id?: string
  /** What subscribers get as the message's `name`. @defaultValue 'message' */
  readonly type?: string
  /** How long subscribers are to wait before they reconnect, in milliseconds. @defaultValue what the hub says otherwise */
  readonly retryMs?: number
}

export interface MercureSettings {
  /** The topics, or URI templates of topics, to subscribe to. @defaultValue those in the query of the client's URL (`?topic=`) */
  readonly topics?: readonly string[]
  /** Where the first connection begins: behind the update with this id, or `'earliest'` for all that the hub keeps. @defaultValue what is published from then on */
  readonly lastEventId?: string
  /**
   * How a message that is sent is published: the fields of its update, or what makes them of the message. The hub wants a token for it.
   * @defaultValue nothing is put around a message, which a hub refuses and a backend of your own at `sendUrl` need not
   */
  readonly publish?: MercureUpdate | ((message: string) => MercureUpdate)
}

/**
 * A Mercure hub (mercure.rocks, draft-dunglas-mercure): event streams with ids, and publishing by a form. Its token is the `headers` of
 * `prepare()` or a cookie. A hub has no other transport, so give `transports: ['sse']`.
 *
 * @throws TypeError where a setting is wrong
 */
export function mercure(settings: MercureSettings = {}): Protocol {
  checkSettings('mercure()', settings, {
    topics: [isTexts, 'a list of at least one topic'],
    lastEventId: [isText, "the id of an update, or 'earliest'"],
    publish: [
      (value) => typeof value === 'function' || isUpdate(value),
      "an update with a topic, such as { topic: 'https://example.com/books/1' }, or a function that returns one",
    ],
  })
  const { topics, lastEventId = null, publish } = settings
  const base = plain({ cursorParameter: 'lastEventID' })
  return {
    ...base,
    name: 'mercure',
    resumes: (transport) => transport === 'sse',
    ask(question) {
      const ask = base.ask({ ...question, cursor: question.cursor ?? lastEventId })
      return { ...ask, query: { ...(topics && { topic: topics }), ...ask.query } }
    },
    readHead({ headers, cursor }) {
      // The update before the first that the hub sends: where it is not the one that was asked for, the hub no longer has that one.
      const last = headers.get('last-event-id')
      const asked = cursor ?? lastEventId
      if (last === null || asked === null || asked === 'earliest' || byteString(asked) === last) return []
      return [{ cursor: textOf(last), gap: { topic: '', after: null, resumesAt: null } }]
    },
    body(message) {
      // An update is text. Bytes go as they are, for the hub to refuse.
      if (!publish || typeof message !== 'string') return undefined
      return formOf(typeof publish === 'function' ? publish(message) : publish, message)
    },
  }
}

/** What a header says in UTF-8: a page is given a character for each byte. */
function textOf(header: string): string {
  return new TextDecoder().decode(Uint8Array.from(header, (sign) => sign.charCodeAt(0)))
}

/** What the hub gets, as `application/x-www-form-urlencoded`. */
function formOf(update: MercureUpdate, message: Payload & string): URLSearchParams {
  if (!isUpdate(update)) throw new TypeError('mercure(): publish() must return an update with a topic.')
  const { topic, data = message, id, type, retryMs } = update
  const form = new URLSearchParams([topic].flat().map((each) => ['topic', each]))
  form.set('data', data)
  if (update.private) form.set('private', 'on')
  if (id !== undefined) form.set('id', id)
  if (type !== undefined) form.set('type', type)
  if (retryMs !== undefined) form.set('retry', String(retryMs))
  return form
}

function isUpdate(value: unknown): value is MercureUpdate {
  return isRecord(value) && (isText(value['topic']) || isTexts(value['topic']))
}
