import type { Fault } from '../fault.ts'
import { closeFaults } from './close.ts'
import { connectionFaults } from './connection.ts'
import { frameFaults } from './frame.ts'
import { handshakeFaults } from './handshake.ts'
import { httpFaults } from './http.ts'
import { lifecycleFaults } from './lifecycle.ts'
import { lossFaults } from './loss.ts'
import { middleboxFaults } from './middlebox.ts'
import { policyFaults } from './policy.ts'
import { pollFaults } from './poll.ts'
import { sseFaults } from './sse.ts'
import { tlsFaults } from './tls.ts'

/** All faults of connections to a server of another origin with CORS. */
export const faults: readonly Fault[] = [
  ...connectionFaults,
  ...tlsFaults,
  ...handshakeFaults,
  ...middleboxFaults,
  ...httpFaults,
  ...closeFaults,
  ...frameFaults,
  ...lossFaults,
  ...sseFaults,
  ...pollFaults,
  ...policyFaults,
  ...lifecycleFaults,
]
