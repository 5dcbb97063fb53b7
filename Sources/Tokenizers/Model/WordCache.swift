/// The tokens of words met before: bounded, keyed by the word itself.
///
/// Words of up to 15 bytes fit two machine words, so a look-up compares two integers and touches one line of memory;
/// longer words are rare and are merged anew.
struct WordCache {
  /// A word of up to 15 bytes with its length in the topmost byte.
  struct Key: Equatable {
    var low: UInt64
    var high: UInt64
  }

  private struct Slot {
    var key = Key(low: 0, high: 0)
    /// The token itself if it is only one, else where the tokens start in `arena`.
    var start: Int32 = 0
    var count: Int32 = 0
  }

  private var slots: [Slot]
  private var arena: [Int32] = []
  private var used = 0

  static let longestWord = 15
  /// Slots of the largest table: 24 bytes each.
  private static let limit = 1 << 17
  /// How far from its place a word may lie; beyond, it is not kept.
  private static let reach = 12

  init() { slots = [Slot](repeating: Slot(), count: 1 << 12) }

  /// The key of a word that is not empty and not too long.
  @inline(__always)
  static func key(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> Key {
    guard start + 16 <= text.count, let base = text.baseAddress else { return slowKey(text, start, length) }
    let raw = UnsafeRawPointer(base + start)
    var low = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
    var high: UInt64 = 0
    if length < 8 {
      low &= (1 << UInt64(truncatingIfNeeded: length * 8)) - 1
    } else {
      high = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      high &= (1 << UInt64(truncatingIfNeeded: (length - 8) * 8)) - 1
    }
    return Key(low: low, high: high | UInt64(truncatingIfNeeded: length) << 56)
  }

  /// The same near the end of the text, where sixteen bytes cannot be read.
  private static func slowKey(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> Key {
    var key = Key(low: 0, high: UInt64(truncatingIfNeeded: length) << 56)
    for k in 0..<length {
      let byte = UInt64(text[start + k])
      if k < 8 { key.low |= byte << UInt64(k * 8) } else { key.high |= byte << UInt64((k - 8) * 8) }
    }
    return key
  }

  @inline(__always)
  private static func place(_ key: Key) -> UInt64 {
    let mixed = (key.low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: key.high &+ 0xD6E8_FEB8_6659_FD93)
    return ((mixed.high ^ mixed.low) &* 0x9E37_79B9_7F4A_7C15) >> 20
  }

  /// Appends the tokens of a word if they are known.
  @inline(__always)
  func append(_ key: Key, to output: inout [Int32]) -> Bool {
    slots.withUnsafeBufferPointer { slots in
      let mask = slots.count &- 1
      var slot = Int(truncatingIfNeeded: Self.place(key)) & mask
      while slots[slot].key.high != 0 {
        if slots[slot].key == key {
          let found = slots[slot]
          if found.count == 1 {
            output.append(found.start)
          } else {
            for k in 0..<Int(found.count) { output.append(arena[Int(found.start) + k]) }
          }
          return true
        }
        slot = (slot &+ 1) & mask
      }
      return false
    }
  }

  /// Remembers a word's tokens.
  mutating func insert(_ key: Key, _ tokens: ArraySlice<Int32>) {
    if used * 2 >= slots.count { grow() }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: Self.place(key)) & mask
    for _ in 0..<Self.reach {
      if slots[slot].key.high == 0 {
        used += 1
        var entry = Slot(key: key, start: 0, count: Int32(truncatingIfNeeded: tokens.count))
        if let only = tokens.first, tokens.count == 1 {
          entry.start = only
        } else {
          entry.start = Int32(truncatingIfNeeded: arena.count)
          arena.append(contentsOf: tokens)
        }
        slots[slot] = entry
        return
      }
      slot = (slot + 1) & mask
    }
  }

  /// Doubles the table or, at its limit, starts anew.
  private mutating func grow() {
    let old = slots
    let keeps = old.count < Self.limit
    slots = [Slot](repeating: Slot(), count: keeps ? old.count * 2 : old.count)
    used = 0
    guard keeps else {
      arena.removeAll(keepingCapacity: true)
      return
    }
    let mask = slots.count - 1
    for entry in old where entry.key.high != 0 {
      var slot = Int(truncatingIfNeeded: Self.place(entry.key)) & mask
      while slots[slot].key.high != 0 { slot = (slot + 1) & mask }
      slots[slot] = entry
      used += 1
    }
  }
}
