import Base

/// The numbers of texts, found by their bytes without building a key.
struct TokenTable: Sendable {
  private let texts: TextList
  private let values: [Int32]
  /// A power of two of places: upper half of the hash above the place in `texts`, or `free`.
  private var slots: [UInt64]
  /// Drawn anew for each table: a file cannot be made to collide.
  private let seed = UInt64.random(in: .min ... .max)

  private static let free = UInt64.max
  private static let upperHalf: UInt64 = 0xFFFF_FFFF_0000_0000

  /// A table of texts and the number of each.
  ///
  /// - Throws: `malformed` when a text occurs twice.
  init(_ texts: TextList, values: [Int32]) throws(CheckpointError) {
    precondition(texts.count == values.count, "every text has a number")
    self.texts = texts
    self.values = values
    var size = 16
    while size < texts.count * 2 { size *= 2 }
    slots = [UInt64](repeating: Self.free, count: size)
    if let twice = fill() {
      throw CheckpointError(.malformed, "the token \"\(texts[twice])\" occurs twice in the vocabulary")
    }
  }

  /// Enters all texts; the place of the first that was there already.
  private mutating func fill() -> Int? {
    let (seed, mask) = (seed, slots.count - 1)
    return texts.bytes.withUnsafeBytes { bytes in
      slots.withUnsafeMutableBufferPointer { slots in
        for place in 0..<texts.count {
          let range = texts.range(place)
          let hash = Self.hash(bytes, range, seed)
          var slot = Int(truncatingIfNeeded: hash) & mask
          while slots[slot] != Self.free {
            if (slots[slot] ^ hash) & Self.upperHalf == 0,
              Self.areEqual(bytes, texts.range(Self.place(slots[slot])), bytes, range)
            {
              return place
            }
            slot = (slot + 1) & mask
          }
          slots[slot] = hash & Self.upperHalf | UInt64(place)
        }
        return nil
      }
    }
  }

  /// The number of some bytes.
  func value(of key: UnsafeRawBufferPointer) -> Int32? { value(of: key, 0..<key.count) }

  /// The number of a range of some bytes.
  func value(of keys: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int32? {
    let hash = Self.hash(keys, range, seed)
    return texts.bytes.withUnsafeBytes { bytes in
      slots.withUnsafeBufferPointer { slots in
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != Self.free {
          let place = Self.place(slots[slot])
          if (slots[slot] ^ hash) & Self.upperHalf == 0, Self.areEqual(bytes, texts.range(place), keys, range) {
            return values[place]
          }
          slot = (slot + 1) & mask
        }
        return nil
      }
    }
  }

  /// The number of a text.
  func value(of text: String) -> Int32? {
    var text = text
    return text.withUTF8 { value(of: UnsafeRawBufferPointer($0)) }
  }

  private static func place(_ slot: UInt64) -> Int { Int(slot & ~upperHalf) }

  @inline(__always)
  private static func areEqual(
    _ a: UnsafeRawBufferPointer, _ inA: Range<Int>, _ b: UnsafeRawBufferPointer, _ inB: Range<Int>
  ) -> Bool {
    guard inA.count == inB.count else { return false }
    var (x, y) = (inA.lowerBound, inB.lowerBound)
    while x + 8 <= inA.upperBound {
      let words = (
        a.loadUnaligned(fromByteOffset: x, as: UInt64.self), b.loadUnaligned(fromByteOffset: y, as: UInt64.self)
      )
      if words.0 != words.1 { return false }
      x += 8
      y += 8
    }
    while x < inA.upperBound {
      if a[x] != b[y] { return false }
      x += 1
      y += 1
    }
    return true
  }

  /// Eight bytes at a time, each folded in by a full multiplication.
  @inline(__always)
  private static func hash(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ seed: UInt64) -> UInt64 {
    var state = seed ^ UInt64(truncatingIfNeeded: range.count)
    var position = range.lowerBound
    while position < range.upperBound {
      let count = range.upperBound - position
      var word: UInt64 = 0
      if position + 8 <= bytes.count {
        word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        // What lies behind the range is another text.
        if count < 8 { word = word.littleEndian & ((1 << UInt64(truncatingIfNeeded: count << 3)) &- 1) }
      } else {
        for k in 0..<min(8, count) { word |= UInt64(bytes[position + k]) << UInt64(truncatingIfNeeded: k << 3) }
        if count >= 8 { word = word.littleEndian }
      }
      let product = (state ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
      state = product.high ^ product.low ^ seed
      position += 8
    }
    let product = state.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}
