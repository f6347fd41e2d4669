import { readFileSync } from 'node:fs'
import type { ProxyName } from './proxies.ts'
import { type Snippet, snippetsOf } from './readme.ts'

export const deployment = readFileSync(new URL('../../docs/DEPLOYMENT.md', import.meta.url), 'utf8')

const snippets = snippetsOf(deployment)

export function deploymentSnippet(name: string): Snippet {
  const found = snippets.get(name)
  if (!found) throw new Error(`docs/DEPLOYMENT.md has no snippet ${name}`)
  return found
}

/** How much shorter the tests wait than the world: a minute is five seconds. */
const timesShorter = 12

/** What docs/DEPLOYMENT.md says in seconds, in the tests' milliseconds. */
export function shortened(ms: number): number {
  return Math.round(ms / timesShorter)
}

/** A configuration in front of the server on this port, its timeouts of a minute shortened to this. */
export function aimed(lines: string, backendPort: number, minuteMs = shortened(60_000)): string {
  const seconds = /(Timeout |timeout=|ttl=)60\b/g // `timeout=` of Apache takes whole seconds.
  return lines
    .replaceAll('8080', String(backendPort))
    .replaceAll(/\b60s\b/g, `${minuteMs}ms`)
    .replaceAll(seconds, `$1${Math.ceil(minuteMs / 1000)}`)
}

/** What docs/DEPLOYMENT.md recommends, with one of its timeouts for each minute. */
export function recommended(name: ProxyName): string {
  return deploymentSnippet(name).code
}

/** The shortest configuration that proxies, with what Debian configures or the software assumes. */
export const defaults: Readonly<Record<ProxyName, string>> = {
  nginx: `server {
    listen 80;
    proxy_read_timeout 60s;
    proxy_send_timeout 60s;
    location / { proxy_pass http://127.0.0.1:8080; }
  }`,
  // /etc/haproxy/haproxy.cfg of Debian says 50 s.
  haproxy: `defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
  listen all
    bind :80
    server one 127.0.0.1:8080
`,
  // Debian's is 300 s.
  apache: `Timeout 60
    <VirtualHost *:80>
      ProxyPass / http://127.0.0.1:8080/
    </VirtualHost>
`,
  varnish: `vcl 4.1;
    backend default { .host = "127.0.0.1"; .port = "8080"; }
`,
  caddy: `:80 {
    reverse_proxy 127.0.0.1:8080
  }
`,
}
