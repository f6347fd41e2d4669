/** Draws numbers, oldest first, into a canvas in one colour: as bars from zero, or as a line between its own extremes. */
export function drawSparkline(canvas, numbers, { color, isLine = false, length = numbers.length }) {
  const { clientWidth: width, clientHeight: height } = canvas
  const ratio = devicePixelRatio
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')
  context.scale(ratio, ratio)
  if (numbers.length === 0) return
  const step = width / length
  const start = width - numbers.length * step
  if (isLine) {
    const low = Math.min(...numbers)
    const span = Math.max(...numbers) - low || 1
    const x = (i) => start + (i + 1) * step - 4
    const y = (i) => height - 4 - ((numbers[i] - low) / span) * (height - 8)
    context.beginPath()
    for (let i = 0; i < numbers.length; i++) context.lineTo(x(i), y(i))
    context.strokeStyle = color
    context.lineWidth = 1.5
    context.lineJoin = 'round'
    context.stroke()
    context.beginPath()
    context.arc(x(numbers.length - 1), y(numbers.length - 1), 2.75, 0, 2 * Math.PI)
    context.fillStyle = color
    context.fill()
    return
  }
  const highest = Math.max(...numbers, 1)
  context.fillStyle = color
  numbers.forEach((number, i) => {
    const bar = Math.max((number / highest) * height, number > 0 ? 1.5 : 0)
    context.fillRect(start + i * step, height - bar, Math.max(step - 1, 1), bar)
  })
}
