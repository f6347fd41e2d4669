/** Returns bytes as base64. */
export function base64(bytes: Uint8Array): string {
  const parts: string[] = []
  // Engines limit the number of a call's arguments.
  for (let from = 0; from < bytes.length; from += 8192) parts.push(String.fromCharCode(...bytes.subarray(from, from + 8192)))
  return btoa(parts.join(''))
}

/** Returns bytes as base64url (RFC 4648 §5) without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replace(/[+/=]/g, (sign) => ({ '+': '-', '/': '_' })[sign] ?? '')
}
