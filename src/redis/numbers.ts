/** A limit as scripts read it: whole, and no larger than what a number holds exactly; nothing for none. */
export function textOfLimit(limit: number | undefined): string {
  if (limit === undefined) return ''
  return String(Math.max(0, Math.min(Math.floor(limit), Number.MAX_SAFE_INTEGER)))
}
