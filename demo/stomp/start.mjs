/**
 * What `npm run demo:stomp` runs: builds what is missing, starts a Spring application with STOMP, and serves a chat page whose stompjs
 * reaches it through a gateway, over whichever transport works.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startChat } from './chat.mjs'
import { startSpring } from './spring.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

try {
  if (process.argv.length > 2) throw new Error('This demo takes no parameters; PORT=9000 sets the port of the page.')
  if (!existsSync(`${root}/dist/gateway.js`)) execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
  const spring = await startSpring()
  const chat = await startChat({ target: spring.url, port: Number(process.env.PORT ?? 8080) })
  console.log(`The chat is at ${chat.origin}/ (open it twice); Spring is at ${spring.url}, process ${spring.pid}.`)
  let isStopping = false
  const stop = async () => {
    isStopping = true
    await chat.close()
    await spring.stop()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
  spring.exited.then(() => {
    if (isStopping) return
    process.stderr.write('The Spring application has ended, so the chat ends.\n')
    process.exit(1)
  })
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
