import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createServer } from 'vite'

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit())

const spring = await run('mvn --quiet spring-boot:run', /Tomcat started on port (\d+)/)
const gateway = await run(
  `steadfast gateway --listen 127.0.0.1:0 --target ws://127.0.0.1:${spring}/ws`,
  /listening address=127.0.0.1:(\d+)/,
)

const page = await createServer({
  root: `${import.meta.dirname}/page`,
  server: {
    host: 'localhost',
    port: Number(process.env.PORT ?? 5173),
    proxy: {
      '/realtime': { target: `http://127.0.0.1:${gateway}`, ws: true },
      '/sockjs': { target: `http://127.0.0.1:${spring}`, ws: true },
    },
  },
})
await page.listen()
console.log(`http://localhost:${page.httpServer.address().port}`)

/** Runs a command at a port that the system chooses, and exits if it ends. Resolves with the port that it prints. */
function run(command, listening) {
  const [program, ...parameters] = command.split(' ')
  const env = { ...process.env, SERVER_ADDRESS: '127.0.0.1', SERVER_PORT: '0', SERVER_SHUTDOWN: 'immediate' }
  const child = spawn(program, parameters, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill())
  child.once('error', ({ message }) => console.error(message))
  child.once('close', () => process.exit(1))
  return new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line)
      const [, port] = listening.exec(line) ?? []
      if (port) resolve(port)
    })
  })
}
