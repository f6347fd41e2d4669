import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isInstalled } from './installed.ts'
import { freePort } from './loopback.ts'

export interface Firewall extends AsyncDisposable {
  readonly origin: string
  /** The ids of the rules that it found violated. */
  rules(): readonly string[]
}

export interface FirewallOptions {
  /** The port of the server behind it. */
  readonly port: number
  /** CRS's paranoia level. @defaultValue 1 */
  readonly level?: number
}

export type FirewallName = 'apache' | 'nginx'

const coreRules = ['/etc/modsecurity/crs/crs-setup.conf', '/usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf']
const files: Readonly<Record<FirewallName, readonly string[]>> = {
  apache: ['/usr/sbin/apache2', '/usr/lib/apache2/modules/mod_security2.so', '/etc/modsecurity/modsecurity.conf-recommended'],
  nginx: ['/usr/sbin/nginx', '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so', '/etc/nginx/modsecurity.conf'],
}

/** The missing files that have to be installed before it can be started. */
export function missingForFirewall(name: FirewallName): readonly string[] {
  return [...files[name], ...coreRules].filter((file) => !isInstalled(file))
}

/** Debian's ModSecurity, enabled, with the OWASP rules and their defaults. It writes into a temporary folder only. */
export async function startFirewall(name: FirewallName, { port, level = 1 }: FirewallOptions): Promise<Firewall> {
  const folder = mkdtempSync(join(tmpdir(), 'firewall-'))
  // The firewall writes as another user.
  chmodSync(folder, 0o777)
  const own = await freePort()
  const config = join(folder, 'server.conf')
  const [binary = '', , recommended = ''] = files[name]
  const rules = join(folder, 'rules.conf')
  writeFileSync(
    rules,
    `${readFileSync(recommended, 'utf8')
      .replace('SecRuleEngine DetectionOnly', 'SecRuleEngine On')
      .replace(
        /SecUnicodeMapFile \S+/,
        `SecUnicodeMapFile ${name === 'apache' ? '/etc/modsecurity' : '/etc/nginx'}/unicode.mapping`,
      )
      .replace(/^(Sec(?:Tmp|Data)Dir) .*$/gm, `$1 ${folder}`)
      .replace(/^SecAuditLog .*$/m, `SecAuditLog ${folder}/audit.log`)}
Include ${coreRules[0]}
SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=${level}"
Include /usr/share/modsecurity-crs/rules/*.conf
`,
  )
  writeFileSync(config, name === 'apache' ? apacheConfig(folder, own, port, rules) : nginxConfig(folder, own, port, rules))
  const log = join(folder, 'error.log')
  const parameters = name === 'apache' ? ['-d', folder, '-f', config, '-DFOREGROUND'] : ['-p', folder, '-c', config, '-e', log]
  const server = spawn(binary, parameters, { stdio: 'ignore' })
  const exited = once(server, 'exit')
  const stop = async () => {
    server.kill()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  const logged = () =>
    [log, join(folder, 'audit.log')].map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('\n')
  const origin = `http://127.0.0.1:${own}`
  for (let times = 0; !(await fetch(origin).catch(() => null)); times += 1) {
    if (times === 200 || server.exitCode !== null) {
      const said = logged()
      await stop()
      throw new Error(`${name} with ModSecurity did not start:\n${said}`)
    }
    await sleep(50)
  }
  return {
    origin,
    rules: () => [...new Set([...logged().matchAll(/\[id "(\d+)"\]/g)].map(([, id = '']) => id))],
    [Symbol.asyncDispose]: stop,
  }
}

function apacheConfig(folder: string, own: number, behind: number, rules: string): string {
  const modules = ['mpm_event', 'authz_core', 'unique_id', 'proxy', 'proxy_http', 'proxy_wstunnel', 'security2', 'reqtimeout']
  return `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
Listen 127.0.0.1:${own}
ErrorLog ${folder}/error.log
User www-data
Group www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
Include ${rules}
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:${behind}/ upgrade=websocket
`
}

function nginxConfig(folder: string, own: number, behind: number, rules: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`)
  return `load_module ${files.nginx[1]};
daemon off; master_process off; pid ${folder}/pid; events {}
http {
  access_log off; ${folders.join(' ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${own};
    modsecurity on;
    modsecurity_rules_file ${rules};
    location / {
      proxy_pass http://127.0.0.1:${behind};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
`
}
