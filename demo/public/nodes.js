import { element, make, show } from './dom.js'

const askEveryMs = 1000
/** The interval while a node is down. */
const askOftenMs = 250

/** The nodes of the sessions, if there are several: which are alive, which one serves this page, and the kill button. */
export class NodesView {
  #visitor
  #onDone
  #kill = element('kill-node')
  #timer

  /** `onDone(text)` is called with what was done. */
  constructor({ visitor, onDone }) {
    this.#visitor = visitor
    this.#onDone = onDone
    this.#kill.addEventListener('click', () => this.#killOne())
    this.#look()
  }

  async #look() {
    clearTimeout(this.#timer)
    let pauseMs = askEveryMs
    try {
      const sight = await this.#ask('/nodes', 'GET')
      // The demo runs in one process, which does not change.
      if (sight.nodes.length === 0) return
      this.#show(sight)
      if (!sight.carrier || sight.nodes.some(({ state }) => state !== 'alive')) pauseMs = askOftenMs
    } catch {
      // The demo is being restarted, or has ended.
      for (const item of element('nodes-list').children) this.#set(item, ['untried', 'unknown'])
      this.#kill.disabled = true
      show('nodes-note', 'The server does not answer.')
    }
    this.#timer = setTimeout(() => this.#look(), pauseMs)
  }

  async #killOne() {
    this.#kill.setAttribute('aria-busy', 'true')
    try {
      const { killed } = await this.#ask('/harm', 'POST', { fault: 'kill' })
      this.#onDone(killed ? `node ${killed} killed` : 'no node to kill')
      await this.#look()
    } catch {
      this.#onDone('the server does not answer')
    } finally {
      this.#kill.removeAttribute('aria-busy')
    }
  }

  async #ask(path, method, query = {}) {
    const answer = await fetch(`${path}?${new URLSearchParams({ visitor: this.#visitor, ...query })}`, {
      method,
      cache: 'no-store',
    })
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`)
    return answer.json()
  }

  #set(item, [standing, words]) {
    item.dataset.standing = standing
    const state = item.querySelector('.state')
    if (state.textContent !== words) state.textContent = words
  }

  #show({ nodes, carrier }) {
    const list = element('nodes-list')
    if (list.children.length === 0) {
      for (const { name } of nodes) {
        const item = make('li', '')
        item.append(make('span', 'light'), make('span', 'name', `Node ${name}`), make('span', 'state'))
        list.append(item)
      }
      element('nodes').hidden = false
      show('harm-note', 'Only your connection is affected; restarting the server or killing a node affects everybody.')
    }
    for (const [i, node] of nodes.entries()) this.#set(list.children[i], standingOf(node, carrier))
    const alive = nodes.filter(({ state }) => state === 'alive').length
    this.#kill.disabled = alive === 0
    show('nodes-note', alive === 0 ? 'No node is alive: the session waits in Redis.' : `${alive} of ${nodes.length} nodes alive`)
  }
}

/** The state of a node, in one word and in a few. */
function standingOf({ name, state, pid, backInMs }, carrier) {
  if (state === 'starting') return ['trying', 'starting …']
  if (state === 'down') return ['failed', backInMs === null ? 'down' : `killed, back in ${Math.ceil(backInMs / 1000)} s`]
  return name === carrier ? ['carrying', `in use by this page, process ${pid}`] : ['alive', `alive, process ${pid}`]
}
