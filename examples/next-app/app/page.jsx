import { post } from './actions.js'
import { Live } from './live.jsx'

/** Rendered for each request, not once by `next build`. */
export const dynamic = 'force-dynamic'

export default function Page() {
  return (
    <>
      <h1>Board</h1>
      <form action={post}>
        <input name="text" aria-label="Your message" placeholder="Your message" maxLength="500" autoComplete="off" required />
        <button type="submit">Post</button>
      </form>
      <Live initial={globalThis.board.latest()} />
    </>
  )
}
