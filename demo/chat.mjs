/** Puts a chat message into the feed for all. `tag` comes back as it was, so that its sender knows it again. */
export function say(feed, json) {
  let message
  try {
    message = JSON.parse(json)
  } catch {
    return false
  }
  const [text, name, tag] = [message?.text, message?.name, message?.tag].map((value) =>
    typeof value === 'string' ? value.trim() : '',
  )
  if (text === '' || text.length > 400 || name.length > 24 || tag.length > 40) return false
  feed.append({ kind: 'chat', name: name || 'Somebody', text, tag })
  return true
}
