/** Appends a chat message to the feed. `tag` is kept, so that the sender recognizes the message. */
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
