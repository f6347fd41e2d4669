/** A cause and its certainty. */
export interface Opinion {
  readonly cause: string
  readonly certainty: 'certain' | 'likely' | 'possible'
  /** The likeliest first. */
  readonly candidates?: readonly string[]
}

export function certain(cause: string): Opinion {
  return { cause, certainty: 'certain' }
}

/** @param others less likely causes, the likeliest first */
export function likely(cause: string, ...others: readonly string[]): Opinion {
  return { cause, certainty: 'likely', ...(others.length > 0 && { candidates: [cause, ...others] }) }
}

/** @param others less likely causes, the likeliest first */
export function possible(cause: string, ...others: readonly string[]): Opinion {
  return { ...likely(cause, ...others), certainty: 'possible' }
}

/** A family of causes that the evidence does not tell apart. */
export function likelyOneOf(family: string, ...candidates: readonly string[]): Opinion {
  return { cause: family, certainty: 'likely', candidates }
}

/** A family of causes that the evidence does not tell apart. */
export function possiblyOneOf(family: string, ...candidates: readonly string[]): Opinion {
  return { ...likelyOneOf(family, ...candidates), certainty: 'possible' }
}
