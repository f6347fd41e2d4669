// Read by the type checker and never run: what must compile does, and what must not is marked as an expected error.
import { RealtimeClient } from '../../src/index.ts'

new RealtimeClient('/realtime')

// @ts-expect-error a client needs to know where to
new RealtimeClient()
// @ts-expect-error an address is a text or a URL
new RealtimeClient(42)
