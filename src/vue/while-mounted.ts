import { getCurrentInstance, onMounted, onScopeDispose } from 'vue'

/**
 * Begins when the component is mounted, so never on a server, where no scope ever ends; in a scope without a component at once. What it
 * returns is called at the end of the scope.
 */
export function whileMounted(begin: () => () => void): void {
  let end = () => {}
  let isOver = false
  const start = () => {
    if (!isOver) end = begin()
  }
  onScopeDispose(() => {
    isOver = true
    end()
  })
  if (getCurrentInstance()) onMounted(start)
  else start()
}
