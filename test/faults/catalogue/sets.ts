import type { Fault, FaultSet } from '../fault.ts'
import { boxFaults } from './box.ts'
import { faults } from './faults.ts'

const everything = [...faults, ...boxFaults]

/** The faults with these names. */
function of(names: string): readonly Fault[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => {
      const fault = everything.find((each) => each.name === name)
      if (!fault) throw new Error(`there is no fault ${name}`)
      return fault
    })
}

const sameOrigin = of(`
  tcp_refused accept_blackhole http_hang_all accept_rst request_rst
  bad_accept garbage strip_upgrade strip_upgrade_400 upgrade_403 upgrade_rst upgrade_hang upgrade_401 upgrade_502
  mb_502 mb_504 mb_403 mb_511 captive_200 lp_captive lp_502 sse_502 captive_302
  waf_200 sse_waf_200 lp_waf_403 deploy_404 sse_deploy_404 cdn_520 portal_comes restart_502 portal_goes
  worker_200 sse_worker_200 lp_worker_503
  h_401 h_429 h_503 h_302_login sse_redirect sse_401 lp_500
  csp_block csp_report_only csp_other_path session_server sse_session_server
  sse_buffered sse_trunc_chunked close_4001 open_fin offline
`)

const withoutCors = of(`
  tcp_refused dns_nxdomain syn_drop accept_rst tls_expired tls_alert proxy_403
  bad_accept garbage proto_wrong strip_upgrade strip_upgrade_400 upgrade_403 upgrade_rst upgrade_hang upgrade_401
  upgrade_origin_403 upgrade_502 upgrade_503
  mb_502 mb_403 mb_511 captive_200 waf_200 waf_403 cdn_520 deploy_404 portal_comes restart_502
  h_401 h_404 h_429 h_503 h_302_login
  csp_block csp_report_only mixed_content sse_nocors lp_nocors
  close_4001 bad_utf8 open_fin open_rst server_stalled host_gone
`)

const boxes = of(`
  tcp_refused http_hang_all accept_rst
  bad_accept garbage strip_upgrade strip_upgrade_400 upgrade_403 upgrade_rst upgrade_hang upgrade_401 upgrade_502 upgrade_503
  mb_502 mb_503 mb_403 mb_511 captive_200 sse_captive lp_captive lp_502 sse_502 captive_302
  waf_200 waf_403 waf_429 sse_waf_200 sse_waf_403 lp_waf_200 lp_waf_403 deploy_404 sse_deploy_404 lp_deploy_404
  cdn_520 sse_cdn_522 portal_comes restart_502 portal_goes worker_200 worker_503 sse_worker_200 lp_worker_503
  h_302_login sse_redirect csp_block csp_report_only csp_other_path plain_server sse_plain_server
  sse_buffered sse_buffered_hdrs sse_buffered_later lp_hang sse_trunc_chunked open_rst close_4001 bad_utf8
`)

/** All faults of the lab, by deployment. */
export const sets: readonly FaultSet[] = [
  { deployment: 'cors', faults },
  { deployment: 'same-origin', faults: sameOrigin },
  { deployment: 'no-cors', faults: withoutCors },
  { deployment: 'boxes', faults: boxes },
]
