// Read by the type checker and never run: what must compile does, and what must not is marked as an expected error.

import { remedies } from '../../src/diagnosis/remedies.ts'
import { type Diagnosis, json, type OwnCauses, RealtimeClient, type RealtimeEvent } from '../../src/index.ts'

const client = new RealtimeClient('/realtime')

// @ts-expect-error a client needs to know where to
new RealtimeClient()
// @ts-expect-error an address is a text or a URL
new RealtimeClient(42)

// What is found out later is told in an event of its own.
client.ondiagnosis = ({ type, diagnosis }) => {
  const name: 'diagnosis' = type
  const { cause, certainty, candidates, verdict, message, remedy, evidence }: Diagnosis = diagnosis
  const texts: readonly (string | undefined)[] = [name, cause, certainty, ...(candidates ?? []), verdict, message, remedy]
  const status: number | undefined = evidence.followUp?.status
  const scope: 'node' | 'all' | undefined = evidence.followUp?.ledger?.scope
  // @ts-expect-error nothing is tried again because of it
  diagnosis.retry
  return [texts, status, scope]
}
client.addEventListener('diagnosis', (event: RealtimeEvent<'diagnosis'>) => event.diagnosis.cause)
client.on('diagnosis', { handleEvent: ({ diagnosis }) => diagnosis.evidence.transport })
client.ondiagnosis = null
// @ts-expect-error it brings a diagnosis and no message
client.ondiagnosis = ({ data }) => data
// @ts-expect-error an event of that name there is not
client.addEventListener('diagnosed', () => {})
// A client with a codec has it, too.
new RealtimeClient('/realtime', { codec: json<{ text: string }, never>() }).ondiagnosis = ({ diagnosis }) => diagnosis.message

// Causes of one's own, by close code, HTTP status or name.
new RealtimeClient('/realtime', { causes: { 4402: { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' } } })
new RealtimeClient('/realtime', { causes: { 402: {}, 'http.402': { verdict: 'retry' }, 'ws.failed': { message: 'No way.' } } })
new RealtimeClient('/realtime', { causes: remedies })
const own: OwnCauses = { ...remedies, 4402: { verdict: 'fallback' } }
new RealtimeClient('/realtime', { causes: own })
// @ts-expect-error a verdict is one of three
new RealtimeClient('/realtime', { causes: { 4402: { verdict: 'ignore' } } })
// @ts-expect-error a cause has no members but these
new RealtimeClient('/realtime', { causes: { 4402: { text: 'The plan has ended.' } } })
// @ts-expect-error a message is a text
new RealtimeClient('/realtime', { causes: { 4402: 'The plan has ended.' } })
// @ts-expect-error what is found must not be undone
own['4402'] = {}

new RealtimeClient('/realtime', { probe: false })
// @ts-expect-error it is on or off
new RealtimeClient('/realtime', { probe: 'off' })
