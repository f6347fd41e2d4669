/** A limit for scripts: an integer within the safe range; '' for no limit. */
export function textOfLimit(limit: number | undefined): string {
  if (limit === undefined) return ''
  return String(Math.max(0, Math.min(Math.floor(limit), Number.MAX_SAFE_INTEGER)))
}
