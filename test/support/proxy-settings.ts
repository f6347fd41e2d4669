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

/** By what factor tests shorten timeouts: a minute becomes five seconds. */
const timesShorter = 12

/** A duration of docs/DEPLOYMENT.md, in milliseconds, shortened for the tests. */
export function shortened(ms: number): number {
  return Math.round(ms / timesShorter)
}

/** A configuration for the backend on this port, with timeouts of a minute shortened to `minuteMs`. */
export function aimed(lines: string, backendPort: number, minuteMs = shortened(60_000)): string {
  const seconds = /(Timeout |timeout=|ttl=)60\b/g // Apache's `timeout=` takes whole seconds.
  return lines
    .replaceAll('8080', String(backendPort))
    .replaceAll(/\b60s\b/g, `${minuteMs}ms`)
    .replaceAll(seconds, `$1${Math.ceil(minuteMs / 1000)}`)
}

/** The configuration that docs/DEPLOYMENT.md recommends. */
export function recommended(name: ProxyName): string {
  return deploymentSnippet(name).code
}

/** The shortest configurations that work as a proxy, with the defaults of Debian or of the software. */
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
  // Debian's default is 300 s.
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
