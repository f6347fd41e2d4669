import { seconds, still } from './dom.js'
import { causeLabels } from './labels.js'
import { transports } from './transports.js'

/** The height above the lanes, for the faults of the visitor. */
const head = 18

/**
 * The last minute as a chart: one lane per transport, and through them a line of light, which is the connection. Time runs to
 * the left; the future is to the right of "now".
 */
export class Timeline {
  #canvas
  #context
  #attempts
  #colors = {}
  #marks = []
  #retryAt = null

  constructor(canvas, attempts) {
    this.#canvas = canvas
    this.#context = canvas.getContext('2d')
    this.#attempts = attempts
    const style = getComputedStyle(canvas)
    for (const name of ['night', 'night-line', 'on-night', 'on-night-muted', 'lamp', 'coral', 'sky']) {
      this.#colors[name] = style.getPropertyValue(`--${name}`).trim()
    }
    const draw = () => {
      this.#draw(Date.now())
      // With reduced motion: one step per second instead of an animation.
      if (still.matches) setTimeout(draw, 1000)
      else requestAnimationFrame(draw)
    }
    draw()
  }

  /** When the next attempt is due, or `null`. */
  set retryAt(at) {
    this.#retryAt = at
  }

  /** Adds a mark for a fault of the visitor. */
  mark(text) {
    this.#marks.push({ at: Date.now(), text })
    if (this.#marks.length > 20) this.#marks.shift()
  }

  #draw(now) {
    const { clientWidth: width, clientHeight: height } = this.#canvas
    const ratio = devicePixelRatio
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio)
      this.#canvas.height = Math.round(height * ratio)
    }
    const context = this.#context
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, height)
    context.translate(0, head)
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`

    const [past, future] = width < 480 ? [24_000, 5000] : [60_000, 9000]
    const view = {
      now,
      width,
      bottom: height - head - 26,
      lane: (height - head - 26) / transports.length,
      from: now - past,
      x: (at) => ((at - now + past) / (past + future)) * width,
    }
    this.#drawGrid(view, past)
    this.#drawOutages(view)
    this.#drawThread(view)
    for (const attempt of this.#attempts.all) this.#drawAttempt(view, attempt)
    for (const { type } of transports) this.#drawCauses(view, type)
    this.#drawMarks(view)
    this.#drawRetry(view)
  }

  #drawGrid({ now, width, bottom, lane, x }, past) {
    const context = this.#context
    context.fillStyle = 'rgb(130 199 255 / .05)'
    context.fillRect(x(now), 0, width - x(now), bottom)
    context.strokeStyle = this.#colors['night-line']
    context.lineWidth = 1
    for (let row = 0; row <= transports.length; row++)
      this.#line(0, Math.round(row * lane) + 0.5, width, Math.round(row * lane) + 0.5)
    const step = past > 30_000 ? 15_000 : 10_000
    for (let ago = step; ago < past; ago += step) {
      this.#line(x(now - ago), 0, x(now - ago), bottom + 5)
      this.#text(`−${ago / 1000} s`, x(now - ago), bottom + 19, 'on-night-muted', 'center')
    }
    context.strokeStyle = this.#colors['on-night']
    this.#line(x(now), 0, x(now), bottom + 5)
    this.#text('now', x(now), bottom + 19, 'on-night', 'center')
  }

  /** Draws the outages, with their durations. */
  #drawOutages({ now, from, bottom, x }) {
    const context = this.#context
    const open = this.#openSpans(now)
    let since = null
    for (const { startedAt, endedAt } of [...open, { startedAt: now, endedAt: now }]) {
      if (since !== null && startedAt - since > 60 && startedAt > from) {
        const [left, right] = [Math.max(0, x(since)), x(startedAt)]
        context.fillStyle = 'rgb(255 130 114 / .13)'
        context.fillRect(left, 0, right - left, bottom)
        const text = seconds(startedAt - since)
        if (right - left > context.measureText(text).width + 8) {
          this.#text(text, (left + right) / 2, bottom - 5, 'coral', 'center')
        }
      }
      since = Math.max(since ?? 0, endedAt)
    }
  }

  /** Draws the connection from lane to lane, with a label where it moved without interruption. */
  #drawThread({ now, from, x, lane }) {
    const context = this.#context
    const spans = this.#openSpans(now)
    for (let i = 1; i < spans.length; i++) {
      const [before, after] = [spans[i - 1], spans[i]]
      if (after.startedAt < from || before.transport === after.transport) continue
      const isDirect = after.startedAt - before.endedAt < 60
      context.strokeStyle = isDirect ? this.#colors.lamp : 'rgb(255 207 92 / .45)'
      context.lineWidth = isDirect ? 5 : 1.5
      context.lineJoin = 'round'
      context.setLineDash(isDirect ? [] : [2, 4])
      context.beginPath()
      context.moveTo(x(before.endedAt), middleOf(before.transport, lane))
      context.lineTo(x(after.startedAt), middleOf(after.transport, lane))
      context.stroke()
      context.setLineDash([])
      if (after.isMove) {
        const middle = (middleOf(before.transport, lane) + middleOf(after.transport, lane)) / 2
        const isNow = x(after.startedAt) > x(now) - 60
        this.#text('moved', x(after.startedAt) + (isNow ? -8 : 8), middle + 4, 'lamp', isNow ? 'right' : 'left')
      }
    }
  }

  #drawAttempt({ now, from, x, lane }, { transport, startedAt, openedAt, provenAt, endedAt, outcome }) {
    const end = endedAt ?? now
    if (end < from) return
    const context = this.#context
    const y = middleOf(transport, lane)
    const tryingUntil = openedAt ?? end
    if (tryingUntil - startedAt > 20) {
      context.strokeStyle = outcome === 'failed' ? this.#colors.coral : this.#colors.sky
      context.lineWidth = 2
      context.setLineDash([3, 4])
      this.#line(x(startedAt), y, x(tryingUntil), y)
      context.setLineDash([])
    }
    if (openedAt !== null) {
      const proven = Math.min(provenAt ?? end, end)
      context.strokeStyle = this.#colors.lamp
      context.lineCap = 'round'
      context.lineWidth = 2
      this.#line(x(openedAt), y, x(proven), y)
      context.lineWidth = 5
      if (end > proven) this.#line(x(proven), y, x(end), y)
      context.lineCap = 'butt'
    }
    if (endedAt === null) {
      context.fillStyle = openedAt === null ? this.#colors.sky : this.#colors.lamp
      this.#dot(x(end), y, openedAt === null ? 3.5 : 5)
    } else if (outcome === 'failed' || outcome === 'lost') {
      this.#cross(x(end), y)
    }
  }

  /** Draws the causes of a lane's failures below or above the crosses; in the last lane the other way round. */
  #drawCauses({ lane, ...view }, type) {
    const y = middleOf(type, lane)
    const rows = [lane / 2 - 5, 13 - lane / 2]
    if (type === transports.at(-1).type) rows.reverse()
    const ended = this.#attempts.all.filter(({ transport, endedAt }) => transport === type && endedAt > view.from)
    for (const { text, right, row } of causeLabels(ended, view, (words) => this.#context.measureText(words).width))
      this.#text(text, right, y + rows[row], 'coral', 'right')
  }

  #drawMarks({ from, x, bottom, width }) {
    const context = this.#context
    let free = Number.POSITIVE_INFINITY
    // Newest first: of two overlapping labels only the newer one is drawn.
    for (const { at, text } of [...this.#marks].reverse()) {
      if (at < from - 10_000) continue
      context.strokeStyle = 'rgb(255 130 114 / .7)'
      context.lineWidth = 1
      context.setLineDash([1, 3])
      this.#line(x(at), -4, x(at), bottom)
      context.setLineDash([])
      const needed = context.measureText(text).width
      const left = Math.max(0, Math.min(x(at) - 3, width - needed, free - needed))
      if (left + needed < x(at) || left + needed > free || x(at) < 0) continue
      this.#text(text, left, -7, 'coral', 'left')
      free = left - 10
    }
  }

  #drawRetry({ now, width, x, bottom }) {
    if (this.#retryAt === null || this.#retryAt < now) return
    const context = this.#context
    const at = Math.min(x(this.#retryAt), width - 3)
    context.strokeStyle = this.#colors.sky
    context.lineWidth = 2
    context.setLineDash([3, 4])
    this.#line(at, 0, at, bottom)
    context.setLineDash([])
    if (at - x(now) > 34) this.#text(`${((this.#retryAt - now) / 1000).toFixed(1)} s`, at - 5, bottom - 5, 'sky', 'right')
  }

  #openSpans(now) {
    return this.#attempts.all
      .filter(({ openedAt }) => openedAt !== null)
      .map(({ transport, openedAt, endedAt, movedFrom }) => ({
        transport,
        startedAt: openedAt,
        endedAt: endedAt ?? now,
        isMove: movedFrom !== undefined,
      }))
      .sort((a, b) => a.startedAt - b.startedAt)
  }

  /** Draws text with an outline in the background colour, since lines run behind it. */
  #text(text, x, y, color, align) {
    const context = this.#context
    context.save()
    context.textAlign = align
    context.strokeStyle = this.#colors.night
    context.lineWidth = 4
    context.lineJoin = 'round'
    context.strokeText(text, x, y)
    context.fillStyle = this.#colors[color]
    context.fillText(text, x, y)
    context.restore()
  }

  #line(x1, y1, x2, y2) {
    this.#context.beginPath()
    this.#context.moveTo(x1, y1)
    this.#context.lineTo(x2, y2)
    this.#context.stroke()
  }

  #dot(x, y, radius) {
    this.#context.beginPath()
    this.#context.arc(x, y, radius, 0, 2 * Math.PI)
    this.#context.fill()
  }

  #cross(x, y) {
    this.#context.strokeStyle = this.#colors.coral
    this.#context.lineWidth = 2.5
    this.#line(x - 4.5, y - 4.5, x + 4.5, y + 4.5)
    this.#line(x - 4.5, y + 4.5, x + 4.5, y - 4.5)
  }
}

const middleOf = (transport, lane) => (transports.findIndex(({ type }) => type === transport) + 0.5) * lane
