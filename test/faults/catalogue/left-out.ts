/** Faults that were measured by hand and are left out of the lab, with the reason. */
export interface LeftOut {
  readonly name: string
  readonly cause: string
  readonly reason: string
}

const needsExtension = 'needs an extension, which no two engines can be given the same way'
const needsResolver = 'needs a resolver of its own, hence a network namespace'

export const leftOut: readonly LeftOut[] = [
  { name: 'adblock_ws', cause: 'policy.client_blocked', reason: needsExtension },
  { name: 'adblock_host', cause: 'policy.client_blocked', reason: needsExtension },
  {
    name: 'lna',
    cause: 'policy.local_network',
    reason: 'needs a browser that takes the page for one from a public address: test/browser/local-network.test.ts',
  },
  { name: 'dns_servfail', cause: 'net.dns', reason: needsResolver },
  { name: 'dns_timeout', cause: 'net.timeout', reason: needsResolver },
  { name: 'close_ignored', cause: 'conn.close_timeout', reason: 'the client does not wait for the answer to its own close' },
  { name: 'ip_changed', cause: 'conn.stale', reason: 'a page sees what it sees of `server_stalled`' },
  { name: 'link_down', cause: 'net.offline', reason: 'needs an interface that can be taken down; `offline` stands for it' },
  { name: 'lp_empty200', cause: 'lp.bad_body', reason: 'to an ordinary server an empty answer is one that has nothing to say' },
  {
    name: 'bfcache_return',
    cause: 'conn.restored',
    reason: 'the client hangs up when the page is put away; `bfcache` stands for engines that do not tell it',
  },
]
