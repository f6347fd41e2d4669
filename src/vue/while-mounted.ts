import { getCurrentInstance, onMounted, onScopeDispose } from 'vue'

/**
 * Calls `begin` when the component is mounted, so never during server rendering, where no scope ends; in a scope without a
 * component at once. The function it returns is called at the end of the scope.
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
