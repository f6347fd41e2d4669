import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import { overheadBytes } from './backlog.ts'
import type { SessionCommands } from './commands-port.ts'
import type { Outcome } from './record-requests.ts'
import type { SessionActor } from './session-actor.ts'

const otherLife = new Error('RealtimeServer: the store lost this session, and its id now belongs to a new one.')

/** Executes the calls of session handles, through the session's actor on this node. */
export function sessionCommands(
  { sessions, topics, settings, host, feeds, unread, clientRequests }: NodeContext,
  knownOf: (id: string) => SessionActor | undefined,
  actorOf: (id: string) => SessionActor,
): SessionCommands {
  return {
    sessions,
    topics,
    limits: settings.limits,
    codec: settings.codec,
    report: (error) => host.report(error),
    known(id, epoch) {
      const record = knownOf(id)?.processor.known
      return record?.epoch === epoch ? record : null
    },
    sent(id, epoch, message) {
      const actor = knownOf(id)
      const isKnown = actor?.processor.known?.epoch === epoch
      // With a slow store, a client may acknowledge a message before its sender has the offset.
      if (!isKnown || message.offset > actor.inbox.acknowledgedThrough)
        unread.sent(id, epoch, { offset: message.offset, bytes: bytesOf(message.data) + overheadBytes })
      return isKnown ? actor.sent(message) : null
    },
    flush: (topic) => feeds.flush(topic),
    unreadBytes: (id, epoch) => unread.bytesOf(id, epoch),
    drained: (id, epoch, maxBytes) =>
      unread.drained(id, epoch, maxBytes, {
        known: () => knownOf(id)?.processor.known ?? null,
        isHere: () => knownOf(id)?.hasAttachments === true,
      }),
    request(id, epoch, value, options) {
      const known = () => {
        const actor = knownOf(id)
        return actor?.hasAttachments ? actor.processor.known : null
      }
      return clientRequests.ask({ id, epoch, known }, value, options)
    },
    amend,
    async end(id, epoch, code, reason) {
      if (!(await amend(id, epoch, (record) => record))) return false
      const ending: Ending = { by: 'server', code, reason }
      actorOf(id).processor.finish(ending)
      // Another caller may end the session at the same time: then the record has that other end.
      return (await amend(id, epoch, (record) => record))?.ended === ending
    },
  }

  async function amend(id: string, epoch: string, change: (record: SessionRecord) => SessionRecord) {
    try {
      return await new Promise<SessionRecord | null>((resolve, reject) => {
        const settled = (outcome: Outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.record))
        actorOf(id).processor.writer.amend((record) => {
          if (record.epoch !== epoch) throw otherLife
          return change(record)
        }, settled)
      })
    } catch (error) {
      if (error === otherLife) return null
      throw error
    }
  }
}
