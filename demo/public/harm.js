import { element, make } from './dom.js'

const harms = [
  { fault: 'refuse-websocket', what: 'Block WebSocket', how: 'The upgrade is refused', mark: 'WebSocket blocked' },
  { fault: 'swallow-websocket', what: 'Swallow handshake', how: 'It is never answered', mark: 'handshake swallowed' },
  { fault: 'kill-websocket', what: 'Kill after open', how: 'Reset after 150 ms', mark: 'killed after open' },
  { fault: 'block-sse', what: 'Block SSE', how: 'Streams are reset', mark: 'SSE blocked' },
  { fault: 'block-long-poll', what: 'Block long-poll', how: 'Held requests are reset', mark: 'long-poll blocked' },
  { fault: 'cut', what: 'Cut everything', how: 'Until you undo it', mark: 'everything cut' },
]
const tries = 16
const pauseMs = 500

/** The buttons that do harm. The server tells what is set; a button shows that and never what was only wished for. */
export class HarmView {
  #visitor
  #onDone
  #buttons = new Map()
  #heal = element('heal')
  #restart

  /** `onDone(text)` is told what was done. */
  constructor(visitor, onDone) {
    this.#visitor = visitor
    this.#onDone = onDone
    const list = element('harm')
    for (const { fault, what, how, mark } of harms) {
      const button = makeButton(what, how)
      button.dataset.fault = fault
      button.setAttribute('aria-pressed', 'false')
      button.addEventListener('click', () => {
        const isOn = button.getAttribute('aria-pressed') !== 'true'
        this.#order(button, { fault, on: isOn }, isOn ? mark : 'undone')
      })
      this.#buttons.set(fault, button)
      list.append(button)
    }
    this.#restart = makeButton('Restart the server', 'Everybody is dropped; back in 3 s')
    this.#restart.dataset.fault = 'restart'
    this.#restart.querySelector('.switch').textContent = 'Once'
    this.#restart.addEventListener('click', () => this.#order(this.#restart, { fault: 'restart' }, 'server restarted'))
    list.append(this.#restart)
    this.#heal.addEventListener('click', () => this.#order(this.#heal, { fault: 'heal' }, 'healed'))
    this.#ask('GET', {}).then(
      (answer) => this.#show(answer.faults),
      () => {},
    )
  }

  async #order(button, query, mark) {
    button.setAttribute('aria-busy', 'true')
    try {
      const answer = await this.#ask('POST', query)
      this.#onDone(mark)
      this.#show(answer.faults)
    } catch {
      this.#onDone('the server does not hear')
    } finally {
      button.removeAttribute('aria-busy')
    }
  }

  /** The server may be restarting, so it is asked for some seconds. */
  async #ask(method, query) {
    for (let i = 1; ; i++) {
      try {
        const answer = await fetch(`/harm?${new URLSearchParams({ visitor: this.#visitor, ...query })}`, {
          method,
          cache: 'no-store',
        })
        if (!answer.ok) throw new Error(`harm was answered ${answer.status}`)
        return await answer.json()
      } catch (error) {
        if (i === tries) throw error
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }

  #show(faults) {
    for (const [fault, button] of this.#buttons) {
      const isOn = faults.includes(fault)
      button.setAttribute('aria-pressed', String(isOn))
      button.querySelector('.switch').textContent = isOn ? 'On' : 'Off'
    }
    this.#heal.disabled = faults.length === 0
  }
}

function makeButton(what, how) {
  const button = make('button', '')
  button.type = 'button'
  button.append(make('span', 'switch'), make('span', 'what', what), make('span', 'how', how))
  return button
}
