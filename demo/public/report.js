import { element } from './dom.js'

/** Shows the client's report, with a button to copy it. */
export function offerReport(client) {
  element('show-report').addEventListener('click', () => {
    element('report-text').textContent = JSON.stringify(client.report(), null, 2)
    element('report').showModal()
  })
  element('copy-report').addEventListener('click', async ({ target }) => {
    try {
      await navigator.clipboard.writeText(element('report-text').textContent)
      target.textContent = 'Copied'
    } catch {
      // There is no clipboard outside of a secure context, so the text is selected instead.
      getSelection().selectAllChildren(element('report-text'))
      target.textContent = 'Selected'
    }
  })
}
