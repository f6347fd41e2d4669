// Only type-checked, never run: code that must not compile is marked as an expected error.

import { remedies } from '../../src/diagnosis/remedies.ts'
import { type Diagnosis, json, type OwnCauses, RealtimeClient, type RealtimeEvent } from '../../src/index.ts'

const client = new RealtimeClient('/realtime')

// @ts-expect-error the URL is required
new RealtimeClient()
// @ts-expect-error the URL is a string or a URL
new RealtimeClient(42)

// A diagnosis that is refined later has an event of its own.
client.ondiagnosis = ({ type, diagnosis }) => {
  const name: 'diagnosis' = type
  const { cause, certainty, candidates, verdict, message, remedy, evidence }: Diagnosis = diagnosis
  const texts: readonly (string | undefined)[] = [name, cause, certainty, ...(candidates ?? []), verdict, message, remedy]
  const status: number | undefined = evidence.followUp?.status
  const scope: 'node' | 'all' | undefined = evidence.followUp?.ledger?.scope
  // @ts-expect-error a refined diagnosis leads to no retry
  diagnosis.retry
  return [texts, status, scope]
}
client.addEventListener('diagnosis', (event: RealtimeEvent<'diagnosis'>) => event.diagnosis.cause)
client.on('diagnosis', { handleEvent: ({ diagnosis }) => diagnosis.evidence.transport })
client.ondiagnosis = null
// @ts-expect-error the event has a diagnosis and no data
client.ondiagnosis = ({ data }) => data
// @ts-expect-error there is no event of that name
client.addEventListener('diagnosed', () => {})
// A client with a codec has this event as well.
new RealtimeClient('/realtime', { codec: json<{ text: string }, never>() }).ondiagnosis = ({ diagnosis }) => diagnosis.message

// The application's own causes, by close code, HTTP status or name.
new RealtimeClient('/realtime', { causes: { 4402: { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' } } })
new RealtimeClient('/realtime', { causes: { 402: {}, 'http.402': { verdict: 'retry' }, 'ws.failed': { message: 'No way.' } } })
new RealtimeClient('/realtime', { causes: remedies })
const own: OwnCauses = { ...remedies, 4402: { verdict: 'fallback' } }
new RealtimeClient('/realtime', { causes: own })
// @ts-expect-error a verdict is one of three
new RealtimeClient('/realtime', { causes: { 4402: { verdict: 'ignore' } } })
// @ts-expect-error a cause has no members but these
new RealtimeClient('/realtime', { causes: { 4402: { text: 'The plan has ended.' } } })
// @ts-expect-error a cause is an object
new RealtimeClient('/realtime', { causes: { 4402: 'The plan has ended.' } })
// @ts-expect-error causes are read-only
own['4402'] = {}

new RealtimeClient('/realtime', { probe: false })
// @ts-expect-error probe is a boolean
new RealtimeClient('/realtime', { probe: 'off' })
