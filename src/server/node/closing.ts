import { codes } from '../../wire/steadfast-v1.ts'
import { endOfPinned } from '../session/record.ts'
import type { SessionActors } from '../session/session-actors.ts'
import { maxWaitMs, type NodeContext } from './node-context.ts'

/** How often a closing node checks whether handlers still run, in milliseconds. */
const lookAgainMs = 20

/**
 * Ends all attachments, and waits for at most `drainMs` until no handler runs and the clients of the sessions that end with the
 * node have received the end.
 */
export async function endSessions(node: NodeContext, actors: SessionActors, drainMs: number): Promise<void> {
  const { host, settings, undeliveredEnds } = node
  const spreadMs = Math.max(node.retryWindowMs(), Math.min(drainMs, maxWaitMs(settings)))
  const restarting = () => {
    const retryAfterMs = Math.round(host.random() * spreadMs)
    return { code: codes.restarting, reason: 'restarting', retryAfterMs }
  }
  for (const actor of actors) {
    actor.releaseSenders()
    // All nodes read the end in the record, and end the session's attachments.
    if (actor.processor.queue?.isHome) actor.processor.finish(endOfPinned(actor.processor.record))
    else if (!undeliveredEnds.has(actor.id)) actor.attachments.endAll(restarting)
  }
  const until = node.elapsedMs() + drainMs
  while (!node.isDown && node.elapsedMs() < until && (actors.isBusy || undeliveredEnds.size > 0)) {
    await new Promise<void>((resolve) => host.after(lookAgainMs, resolve))
  }
  if (!node.isDown) for (const actor of actors) actor.attachments.endAll(restarting)
}
