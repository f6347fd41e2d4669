import { expect, it, vi } from 'vitest'
import type { TabHost } from '../../src/api/tab-host.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { TabMessage } from '../../src/shared/messages.ts'
import { localTabs } from '../support/local-tabs.ts'
import { startTabRig } from '../support/tab-rig.ts'

/** Tabs whose messages can be watched as they are posted, and held back for all tabs, which then receive them in their order. */
function watchedTabs() {
  const inner = localTabs()
  const held: (() => void)[] = []
  let isHeld = false
  const watched = {
    onPosted: (_message: TabMessage) => {},
    hold() {
      isHeld = true
    },
    release() {
      isHeld = false
      for (const deliver of held.splice(0)) deliver()
    },
  }
  const tabs: TabHost = {
    ...inner,
    channel(name, heard) {
      const channel = inner.channel(name, (message) => {
        if (isHeld) held.push(() => heard(message))
        else heard(message)
      })
      return {
        ...channel,
        post(message) {
          channel.post(message)
          watched.onPosted(message as TabMessage)
        },
      }
    },
  }
  return Object.assign(watched, { tabs })
}

async function start() {
  const received: unknown[] = []
  const watched = watchedTabs()
  const sessions: Session[] = []
  const options: RealtimeServerOptions = {
    onSession: (each) => void sessions.push(each),
    onMessage: (_session, { data }) => void received.push(data),
  }
  const rig = await startTabRig(options, watched.tabs)
  return { rig, received, sessions, watched, leader: await rig.open(), follower: await rig.open() }
}

it('a message whose number only its own tab received, since the leader left, is delivered once both are back', async () => {
  const { rig, received, watched, leader, follower } = await start()
  await using _ = rig
  follower.client.send('before')
  await follower.client.flushed()
  const left = new Promise<void>((resolve) => {
    watched.onPosted = ({ type }) => {
      if (type !== 'assigned') return
      // The leader leaves before the channel delivers this, and the follower before it could lead.
      queueMicrotask(() => {
        setImmediate(() => {
          follower.leave()
          resolve()
        })
        leader.leave()
      })
    }
  })
  follower.client.send('one')
  follower.client.send('two')
  await left
  watched.onPosted = () => {}
  leader.comeBack()
  await vi.waitFor(() => expect(leader.client.state.status).toBe('open'), 5000)
  follower.comeBack()
  leader.client.send('three')
  await Promise.all([leader.client.flushed(), follower.client.flushed()])
  expect([...received].sort()).toEqual(['before', 'one', 'three', 'two'])
  expect(received.indexOf('one')).toBeLessThan(received.indexOf('two'))
  expect([...leader.reported, ...follower.reported, ...rig.servers.errors]).toEqual([])
})

it('a message numbered just before the leader begins another session is delivered, though that leader dies', async () => {
  const { rig, received, sessions, watched, leader, follower } = await start()
  await using _ = rig
  const posted: string[] = []
  watched.onPosted = ({ type }) => {
    posted.push(type)
    if (type === 'assigned') watched.hold()
  }
  leader.client.on('close', () => leader.client.connect())
  follower.client.send('one')
  await vi.waitFor(() => expect(posted).toContain('assigned'))
  sessions[0]?.close()
  await vi.waitFor(() => expect(posted.slice(posted.indexOf('assigned'))).toContain('sync'), 5000)
  leader.crash()
  watched.onPosted = () => {}
  watched.release()
  await vi.waitFor(() => expect(received).toEqual(['one']), 8000)
  await follower.client.flushed()
  expect(received).toEqual(['one'])
})
