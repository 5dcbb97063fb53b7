/// The three bytes by which some editors mark a text as UTF-8; they belong to no text.
package let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

/// Whether bytes are lawful UTF-8 (RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF).
package func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool { firstInvalidUTF8(bytes) == nil }

/// Where the first character begins that is not lawful UTF-8; nil when all are.
package func firstInvalidUTF8(_ bytes: UnsafeRawBufferPointer) -> Int? {
  var position = 0
  let count = bytes.count
  func isContinuation(_ place: Int) -> Bool { place < count && bytes[place] & 0xC0 == 0x80 }
  while position < count {
    if position + 8 <= count,
      bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
    {
      position += 8
      continue
    }
    let first = bytes[position]
    switch first {
    case 0..<0x80: position += 1
    case 0xC2...0xDF:
      guard isContinuation(position + 1) else { return position }
      position += 2
    case 0xE0...0xEF:
      guard isContinuation(position + 1), isContinuation(position + 2) else { return position }
      let second = bytes[position + 1]
      if first == 0xE0 && second < 0xA0 || first == 0xED && second > 0x9F { return position }
      position += 3
    case 0xF0...0xF4:
      guard isContinuation(position + 1), isContinuation(position + 2), isContinuation(position + 3) else {
        return position
      }
      let second = bytes[position + 1]
      if first == 0xF0 && second < 0x90 || first == 0xF4 && second > 0x8F { return position }
      position += 4
    default: return position
    }
  }
  return nil
}

/// Bytes as a text in which those that are not UTF-8 are written as `\xff`.
package func textWithBytesShown(_ bytes: UnsafeRawBufferPointer) -> String {
  var text = ""
  var rest = bytes[...]
  while let place = firstInvalidUTF8(UnsafeRawBufferPointer(rebasing: rest)) {
    let odd = rest.startIndex + place
    let digits = String(bytes[odd], radix: 16)
    text += String(decoding: rest[..<odd], as: UTF8.self) + "\\x" + digits
    rest = rest[(odd + 1)...]
  }
  return text + String(decoding: rest, as: UTF8.self)
}
