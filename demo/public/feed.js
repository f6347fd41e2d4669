import { element, show } from './dom.js'
import { drawSparkline } from './sparkline.js'

const instruments = ['Wind', 'Swell', 'Tide', 'Pressure', 'Sea', 'Lamp']
const shownReadings = 48
const shownSeconds = 40

/** The instruments, and measurements of the messages themselves: their rate, and their age on arrival. */
export class FeedView {
  #cards = new Map()
  #lastAt = null
  #received = 0
  #perSecond = []
  #ages = []
  #clockOffset = 0
  #isLate = 0

  constructor() {
    const template = document.createElement('template')
    template.innerHTML =
      '<li><p class="name"><span></span><span class="number"></span></p><p class="value">– <small></small></p><canvas aria-hidden="true"></canvas></li>'
    for (const name of instruments) {
      const card = template.content.firstElementChild.cloneNode(true)
      card.querySelector('.name span').textContent = name
      this.#cards.set(name, {
        number: card.querySelector('.number'),
        value: card.querySelector('.value').firstChild,
        unit: card.querySelector('small'),
        canvas: card.querySelector('canvas'),
        values: [],
        isChanged: false,
      })
      element('instruments').append(card)
    }
    const redraw = () => {
      for (const card of this.#cards.values()) card.isChanged = true
    }
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
    addEventListener('resize', redraw)
  }

  /** Measures the offset of the server's clock, without which ages would be wrong on another machine. */
  async compareClocks() {
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 4; i++) {
      const askedAt = performance.now()
      const { now } = await (await fetch('/clock', { cache: 'no-store' })).json()
      const roundTrip = performance.now() - askedAt
      if (roundTrip < best) {
        best = roundTrip
        this.#clockOffset = now + roundTrip / 2 - Date.now()
      }
    }
  }

  /** Counts a message, and shows it if it is a reading. */
  receive(message) {
    this.#measure(message)
    const card = this.#cards.get(message.name)
    if (message.kind !== 'reading' || !card) return
    card.number.textContent = `#${message.id}`
    card.value.data = `${message.value} `
    card.unit.textContent = message.unit
    card.values.push(Number(message.value))
    if (card.values.length > shownReadings) card.values.shift()
    card.isChanged = true
  }

  #measure({ at }) {
    this.#received++
    const second = Math.floor(Date.now() / 1000)
    if (this.#perSecond.at(-1)?.second !== second) this.#perSecond.push({ second, count: 0 })
    this.#perSecond.at(-1).count++
    if (this.#perSecond.length > shownSeconds + 5) this.#perSecond.shift()
    // Only messages of the feed have a time.
    if (at === undefined) return
    this.#lastAt = Math.max(this.#lastAt ?? 0, at)
    // A new visitor gets some older messages, whose age is irrelevant for the connection.
    const age = Math.max(0, Date.now() + this.#clockOffset - at)
    if (this.#received > 20 || age < 500) this.#ages.push({ second, age })
    if (this.#ages.length > 1000) this.#ages.shift()
  }

  /** Draws changes; called a few times per second. */
  draw() {
    const style = getComputedStyle(document.documentElement)
    const color = (name) => style.getPropertyValue(`--${name}`).trim()
    for (const card of this.#cards.values()) {
      if (card.isChanged) drawSparkline(card.canvas, card.values, { color: color('spark'), isLine: true, length: shownReadings })
      card.isChanged = false
    }
    const now = Math.floor(Date.now() / 1000)
    const seconds = Array.from({ length: shownSeconds }, (_, i) => now - shownSeconds + i)
    const counts = seconds.map((second) => this.#perSecond.find((entry) => entry.second === second)?.count ?? 0)
    show('rate', (counts.slice(-3).reduce((sum, count) => sum + count, 0) / 3).toFixed(1))
    // Square roots, since the burst after an outage would flatten everything else.
    drawSparkline(element('rate-spark'), counts.map(Math.sqrt), { color: color('lamp') })

    const medians = seconds.map((second) => median(this.#ages.filter((entry) => entry.second === second).map(({ age }) => age)))
    const latest = this.#ages.filter(({ second }) => second >= now - 3).map(({ age }) => age)
    const recent = median(latest)
    const isLong = recent >= 1000
    show('age', latest.length === 0 ? '–' : isLong ? (recent / 1000).toFixed(1) : recent.toFixed(recent < 10 ? 1 : 0))
    show('age-unit', isLong ? 's' : 'ms')
    drawSparkline(element('age-spark'), medians.map(Math.sqrt), { color: color('sky') })

    this.#showFreshness()
  }

  #showFreshness() {
    const age = this.#lastAt === null ? 0 : Date.now() + this.#clockOffset - this.#lastAt
    const isLate = age > 3000
    const lateBy = isLate ? Math.round(age / 1000) : 0
    if (lateBy === this.#isLate) return
    this.#isLate = lateBy
    document.querySelector('.feed').toggleAttribute('data-stale', isLate)
    show(
      'freshness',
      isLate ? `The newest reading is ${lateBy} seconds old.` : 'A made-up harbour, about eight readings a second.',
    )
  }
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
