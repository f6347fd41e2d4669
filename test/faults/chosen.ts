import { sets } from './catalogue/index.ts'
import type { Deployment, FaultSet } from './fault.ts'

/** A dozen faults per deployment, one of each kind, for the engines that do not run all faults. */
const names: Readonly<Record<Deployment, string>> = {
  cors: `
    tcp_refused tls_expired bad_accept strip_upgrade lp_502 h_403 close_4001 bad_utf8 open_fin sse_trunc_chunked lp_401 csp_block`,
  'same-origin': `
    tcp_refused accept_rst bad_accept upgrade_rst mb_502 captive_200 lp_waf_403 sse_deploy_404 worker_200 sse_401 csp_block close_4001`,
  'no-cors': `
    tcp_refused tls_expired bad_accept strip_upgrade upgrade_403 upgrade_rst portal_comes csp_block sse_nocors lp_nocors close_4001 open_fin`,
  boxes: `
    strip_upgrade upgrade_rst mb_502 captive_200 lp_waf_403 sse_deploy_404 cdn_520 sse_worker_200 h_302_login sse_buffered csp_block
    close_4001`,
}

export const chosen: readonly FaultSet[] = sets.map(({ deployment, faults }) => {
  const wanted = names[deployment].trim().split(/\s+/)
  const found = faults.filter(({ name }) => wanted.includes(name))
  if (found.length !== wanted.length) throw new Error(`${deployment} lacks one of ${wanted.join(', ')}`)
  return { deployment, faults: found }
})
