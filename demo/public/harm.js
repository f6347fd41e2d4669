import { element, make } from './dom.js'

/** The faults: label, explanation, and mark on the timeline. A fault with `once` is an action and not a setting. */
const groups = [
  {
    name: 'WebSocket',
    harms: [
      { fault: 'refuse-websocket', what: 'Block WebSocket', how: 'The upgrade is refused', mark: 'WebSocket blocked' },
      { fault: 'strip-upgrade', what: 'Strip the upgrade', how: 'A plain GET arrives', mark: 'upgrade stripped' },
      { fault: 'swallow-websocket', what: 'Swallow handshake', how: 'It is never answered', mark: 'handshake swallowed' },
      { fault: 'damage-handshake', what: 'Damage handshake', how: 'A wrong key comes back', mark: 'handshake damaged' },
      { fault: 'kill-websocket', what: 'Kill after open', how: 'Reset after 150 ms', mark: 'killed after open' },
      { fault: 'damage-frame', what: 'Damage a frame', how: 'Reserved bits are set', mark: 'frame damaged' },
    ],
  },
  {
    name: 'SSE and long-poll',
    note: 'noticed while they are in use',
    harms: [
      { fault: 'block-sse', what: 'Block SSE', how: 'Streams are reset', mark: 'SSE blocked' },
      { fault: 'hold-sse', what: 'Hold back SSE', how: 'Headers, then nothing', mark: 'SSE held back' },
      { fault: 'tear-sse', what: 'Tear an event', how: 'Cut in the middle of it', mark: 'event torn' },
      { fault: 'block-long-poll', what: 'Block long-poll', how: 'Held requests are reset', mark: 'long-poll blocked' },
    ],
  },
  {
    name: 'Everything',
    harms: [
      { fault: 'cut', what: 'Cut everything', how: 'Until you undo it', mark: 'everything cut' },
      { fault: 'silence', what: 'Go silent', how: 'Open connections stall', mark: 'gone silent', once: true },
      { fault: 'answer-503', what: 'Answer 503', how: 'A proxy does, for all', mark: '503 for all' },
      { fault: 'portal', what: 'Captive portal', how: 'A login page, for all', mark: 'captive portal' },
    ],
  },
  {
    name: 'The server',
    harms: [
      { fault: 'end', what: 'End the trial', how: 'It closes with 4402', mark: 'closed with 4402', once: true },
      { fault: 'restart', what: 'Restart the server', how: 'All are dropped for 3 s', mark: 'server restarted', once: true },
    ],
  },
]
const tries = 16
const pauseMs = 500

/** The buttons of the faults. They show the faults that the server reports as set, not what was clicked. */
export class HarmView {
  #asking
  #onDone
  #buttons = new Map()
  #heal = element('heal')

  /** `onDone(text)` is called with what was done. */
  constructor({ visitor, isPlain, onDone }) {
    this.#asking = { visitor, mode: isPlain ? 'plain' : 'session' }
    this.#onDone = onDone
    element('harm').append(...groups.map((group) => this.#group(group)))
    this.#heal.addEventListener('click', () => this.#order(this.#heal, { fault: 'heal' }, 'all undone'))
    this.#ask('GET', {}).then(
      (answer) => this.#show(answer.faults),
      () => {},
    )
  }

  #group({ name, note, harms }) {
    const group = make('fieldset', '')
    group.dataset.size = harms.length
    const legend = make('legend', '', name)
    if (note) legend.append(make('small', '', ` ${note}`))
    group.append(legend, ...harms.map((harm) => this.#button(harm)))
    return group
  }

  #button({ fault, what, how, mark, once }) {
    const button = make('button', '')
    button.type = 'button'
    button.dataset.fault = fault
    button.append(make('span', 'switch', once ? 'Once' : ''), make('span', 'what', what), make('span', 'how', how))
    button.classList.toggle('once', !!once)
    if (!once) {
      button.setAttribute('aria-pressed', 'false')
      this.#buttons.set(fault, button)
    }
    button.addEventListener('click', () => {
      const isOn = button.getAttribute('aria-pressed') !== 'true'
      this.#order(button, { fault, on: isOn }, isOn ? mark : 'undone')
    })
    return button
  }

  async #order(button, query, mark) {
    button.setAttribute('aria-busy', 'true')
    try {
      const answer = await this.#ask('POST', query)
      this.#onDone(mark)
      this.#show(answer.faults)
    } catch {
      this.#onDone('the server does not answer')
    } finally {
      button.removeAttribute('aria-busy')
    }
  }

  /** Retries for some seconds, since the server may be restarting. */
  async #ask(method, query) {
    for (let i = 1; ; i++) {
      try {
        const answer = await fetch(`/harm?${new URLSearchParams({ ...this.#asking, ...query })}`, {
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
