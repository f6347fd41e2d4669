import type { TopicOptions } from '../api/calls.ts'
import { type AnyClient, type Store, shared } from './store.ts'
import { following } from './topic-store.ts'

export interface MessagesOptions<Message> extends TopicOptions {
  /** How many messages are kept; the oldest ones are dropped. @defaultValue 100 */
  readonly max?: number | undefined
  /**
   * The messages of the first render, such as those in the page's HTML, oldest first, each with an `id` of its own. A topic
   * continues after the last one.
   */
  readonly initial?: readonly Message[] | undefined
}

/**
 * The newest messages of a topic, newest last. With `undefined` as the name: the messages of the client, whatever their topic;
 * with `null`: none.
 * @throws TypeError for a `max` that is not a number, or below 1
 */
export function messageStore(
  client: AnyClient,
  name: string | null | undefined,
  { max = 100, initial = [], since, params }: MessagesOptions<unknown>,
): Store<readonly unknown[]> {
  if (!(max >= 1)) throw new TypeError(`useMessages(): max must be at least 1; it was ${max}.`)
  const recent = initial.slice(-max)
  const first: readonly unknown[] = recent.slice()
  let shown: readonly unknown[] | null = first
  const taking = (changed: () => void) => (message: unknown) => {
    if (recent.push(message) > max) recent.shift()
    shown = null
    changed()
  }
  const place = {
    params,
    // A component that is mounted again continues after the last message it has.
    get since() {
      return (recent[recent.length - 1] as { readonly offset?: number } | undefined)?.offset ?? since
    },
  }
  return {
    get() {
      shown ??= recent.slice()
      return shown
    },
    initial: () => first,
    subscribe:
      name === undefined
        ? shared((changed) => client.on('message', taking(changed)))
        : following(client, name, place, (topic, changed) => topic.on('message', taking(changed))),
  }
}
