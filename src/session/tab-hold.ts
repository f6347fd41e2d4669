/** Which session a page may store in its tab. */
export type Hold =
  /** This page has not connected yet. */
  | { readonly kind: 'new' }
  | { readonly kind: 'asking'; readonly answer: Promise<void> }
  /** This page alone has that session; without locks this is uncertain, so it is stored on `pagehide` only. */
  | { readonly kind: 'held'; readonly id: string; readonly isLocked: boolean; release(): void }
  /** Another page has the session with this id, or the browser has not answered: it is not stored. */
  | { readonly kind: 'refused'; readonly id: string }
  /** The page was left (`pagehide`), and may come back from the back/forward cache. */
  | { readonly kind: 'away' }
  /** The client was closed, or another page has the session: this one asks for a lock when it connects. */
  | { readonly kind: 'ended' }
