import { element, make } from './dom.js'
import { nameOf } from './transports.js'

const maxLines = 80

/** The chat. Each of the visitor's own lines shows its delivery state until it has come back. */
export class ChatView {
  #client
  #send
  #lines = element('lines')
  #pending = new Map()
  #name = element('name')

  /** `send(fields)` sends a message in the format of the server. */
  constructor(client, send) {
    this.#client = client
    this.#send = send
    this.#name.value = sessionStorage.getItem('name') ?? `Guest ${10 + Math.floor(Math.random() * 90)}`
    this.#name.addEventListener('change', () => sessionStorage.setItem('name', this.#name.value))
    element('chat').addEventListener('submit', (event) => {
      event.preventDefault()
      const field = event.target.elements.text
      if (field.value.trim()) this.#say(field.value.trim())
      field.value = ''
    })
  }

  #say(text) {
    const tag = crypto.getRandomValues(new Uint32Array(2)).join('-')
    const name = this.#name.value.trim()
    const line = this.#append({ text, name, isMine: true })
    this.#setFate(line, 'waiting', this.#client.state.status === 'open' ? 'on its way' : 'waits for a connection')
    this.#pending.set(tag, { line, sentAt: performance.now() })
    try {
      this.#send({ text, name, tag })
    } catch (error) {
      this.#pending.delete(tag)
      this.#setFate(line, 'bad', error.message)
    }
  }

  receive({ name, text, tag }, transport) {
    const pending = this.#pending.get(tag)
    if (!pending) {
      this.#append({ text, name, isMine: false })
      return
    }
    this.#pending.delete(tag)
    const ms = Math.round(performance.now() - pending.sentAt)
    this.#setFate(
      pending.line,
      'back',
      `there and back in ${ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`}, ${nameOf(transport)}`,
    )
  }

  /** Handles the messages of an `error` event. */
  onError({ undelivered = [], unconfirmed = [] }) {
    for (const data of undelivered) this.#settle(data, 'did not reach the server')
    // It may still come back, which proves that it arrived.
    for (const data of unconfirmed) this.#settle(data, 'handed to the network; nobody knows whether it arrived')
  }

  #settle(data, words) {
    const pending = this.#pending.get(JSON.parse(data).tag)
    if (pending) this.#setFate(pending.line, 'bad', words)
  }

  #append({ text, name, isMine }) {
    const line = make('li', isMine ? 'line mine' : 'line')
    if (!isMine) line.append(make('span', 'who', name))
    line.append(text, ...(isMine ? [make('span', 'fate')] : []))
    const isAtEnd = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 40
    this.#lines.append(line)
    if (this.#lines.children.length > maxLines) this.#lines.firstElementChild.remove()
    if (isAtEnd || isMine) this.#lines.scrollTop = this.#lines.scrollHeight
    return line
  }

  #setFate(line, fate, words) {
    line.dataset.fate = fate
    const told = line.querySelector('.fate')
    told.textContent = words
    told.classList.toggle('bad', fate === 'bad')
    this.#lines.scrollTop = this.#lines.scrollHeight
  }
}
