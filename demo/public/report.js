import { element } from './dom.js'

/** Lets the client's own report be read and copied. */
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
      // Without a secure context there is no clipboard, but there is a selection.
      getSelection().selectAllChildren(element('report-text'))
      target.textContent = 'Selected'
    }
  })
}
