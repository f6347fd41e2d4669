/** The bytes of valid and invalid WebSocket frames (RFC 6455 §5.2). */

interface FrameOptions {
  readonly opcode?: number
  readonly payload?: Buffer | string
  readonly isFinal?: boolean
  /** The three reserved bits, as they stand in the first byte. */
  readonly reserved?: number
  readonly isMasked?: boolean
}

export const text = 1
const close = 8
const finalBit = 0x80

/** A frame of a server, with up to 64 KiB of payload. */
export function frame({
  opcode = text,
  payload = 'x',
  isFinal = true,
  reserved = 0,
  isMasked = false,
}: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload)
  const first = (isFinal ? finalBit : 0) | reserved | opcode
  const maskBit = isMasked ? 0x80 : 0
  const length = body.length < 126 ? [maskBit | body.length] : [maskBit | 126, body.length >> 8, body.length & 255]
  // A mask of zeros changes nothing.
  return Buffer.concat([Buffer.from([first, ...length]), Buffer.alloc(isMasked ? 4 : 0), body])
}

export function closeFrame(code: number, reason: Buffer | string = ''): Buffer {
  const start = Buffer.from([code >> 8, code & 255])
  return frame({ opcode: close, payload: Buffer.concat([start, Buffer.from(reason)]) })
}

/** A Close frame with this payload, which may lack the code or half of it. */
export function bareCloseFrame(payload: Buffer = Buffer.alloc(0)): Buffer {
  return frame({ opcode: close, payload })
}

/** The header of a frame that claims this length. */
export function frameHead(length: bigint): Buffer {
  const head = Buffer.alloc(10)
  head[0] = finalBit | text
  head[1] = 127
  head.writeBigUInt64BE(length, 2)
  return head
}
