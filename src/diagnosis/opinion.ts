/** A cause, and how sure it is. */
export interface Opinion {
  readonly cause: string
  readonly certainty: 'certain' | 'likely' | 'possible'
  /** The likeliest first. */
  readonly candidates?: readonly string[]
}

export function certain(cause: string): Opinion {
  return { cause, certainty: 'certain' }
}

export function likely(cause: string, ...candidates: readonly string[]): Opinion {
  return { cause, certainty: 'likely', ...(candidates.length > 1 && { candidates }) }
}

export function possible(cause: string, ...candidates: readonly string[]): Opinion {
  return { cause, certainty: 'possible', ...(candidates.length > 1 && { candidates }) }
}
