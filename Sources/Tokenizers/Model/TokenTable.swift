/// The numbers of byte strings, found without building a key.
struct TokenTable: Sendable {
  /// The bytes of every entry, one after the other.
  private var arena: [UInt8] = []
  /// Where each entry ends in `arena`.
  private var ends: [Int] = []
  private var values: [Int32] = []
  /// A power of two of places: upper half of the hash above the place in `values`, or `free`.
  private var slots: [UInt64]
  /// Drawn anew for each table: a file cannot be made to collide.
  private let seed = UInt64.random(in: .min ... .max)

  private static let free = UInt64.max
  private static let upperHalf: UInt64 = 0xFFFF_FFFF_0000_0000

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [UInt64](repeating: Self.free, count: size)
    ends.reserveCapacity(capacity)
    values.reserveCapacity(capacity)
    arena.reserveCapacity(capacity * 8)
  }

  /// Adds an entry.
  ///
  /// - Returns: the number it already had, with nothing changed, if it was there.
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int32) -> Int32? {
    if values.count * 2 >= slots.count { grow() }
    let hash = self.hash(key)
    let slot = find(key, hash)
    if slots[slot] != Self.free { return values[place(slots[slot])] }
    slots[slot] = hash & Self.upperHalf | UInt64(values.count)
    arena.append(contentsOf: key)
    ends.append(arena.count)
    values.append(value)
    return nil
  }

  /// Adds a text.
  mutating func insert(_ text: String, _ value: Int32) -> Int32? {
    var text = text
    return text.withUTF8 { insert($0, value) }
  }

  /// The number of some bytes.
  func value(of key: UnsafeBufferPointer<UInt8>) -> Int32? {
    let found = slots[find(key, hash(key))]
    return found == Self.free ? nil : values[place(found)]
  }

  /// The number of a text.
  func value(of text: String) -> Int32? {
    var text = text
    return text.withUTF8 { value(of: $0) }
  }

  private func place(_ slot: UInt64) -> Int { Int(slot & ~Self.upperHalf) }

  /// The slot that holds the key, or the free one where it belongs.
  private func find(_ key: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != Self.free {
      if (slots[slot] ^ hash) & Self.upperHalf == 0, holds(place(slots[slot]), key) { break }
      slot = (slot + 1) & mask
    }
    return slot
  }

  private func holds(_ place: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = place == 0 ? 0 : ends[place - 1]
    guard ends[place] - start == key.count else { return false }
    return arena.withUnsafeBufferPointer { arena in
      for k in 0..<key.count where arena[start + k] != key[k] { return false }
      return true
    }
  }

  private mutating func grow() {
    slots = [UInt64](repeating: Self.free, count: slots.count * 2)
    for place in values.indices {
      let start = place == 0 ? 0 : ends[place - 1]
      let hash = arena.withUnsafeBufferPointer { self.hash(UnsafeBufferPointer(rebasing: $0[start..<ends[place]])) }
      var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
      while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = hash & Self.upperHalf | UInt64(place)
    }
  }

  /// Eight bytes at a time, each folded in by a full multiplication.
  private func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var state = seed ^ UInt64(truncatingIfNeeded: key.count)
    let raw = UnsafeRawBufferPointer(key)
    var position = 0
    while position < raw.count {
      var word: UInt64 = 0
      if position + 8 <= raw.count {
        word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      } else {
        for k in position..<raw.count { word = word << 8 | UInt64(raw[k]) }
      }
      let product = (state ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
      state = product.high ^ product.low ^ seed
      position += 8
    }
    let product = state.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}
