/// What each pair of tokens merges into, and how early.
struct MergeTable: Sendable {
  /// A merge: low 32 bits the token it makes, high 32 bits its rank; ordered by rank.
  typealias Entry = UInt64

  /// No merge: behind every rank.
  static let none: Entry = .max

  private struct Slot {
    var pair: UInt64 = .max
    var entry: Entry = MergeTable.none
  }

  private var slots: [Slot]
  private let shift: UInt64
  private let seed: UInt64
  /// How many merges there are.
  private(set) var count = 0

  /// A table for so many merges.
  init(capacity: Int) {
    var bits: UInt64 = 4
    while 1 << bits < capacity * 2 { bits += 1 }
    shift = 64 - bits
    slots = [Slot](repeating: Slot(), count: 1 << bits)
    // The seed of the process: a file cannot be made to collide.
    var hasher = Hasher()
    hasher.combine(capacity)
    seed = UInt64(bitPattern: Int64(hasher.finalize())) | 1
  }

  /// Adds a merge.
  ///
  /// - Returns: false, with nothing changed, if the pair has one.
  /// - Precondition: no more merges than the table was made for.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int, result: Int32) -> Bool {
    let pair = Self.pair(left, right)
    var slot = start(pair)
    while slots[slot].pair != .max {
      if slots[slot].pair == pair { return false }
      slot = (slot + 1) & (slots.count - 1)
    }
    precondition(count * 2 < slots.count, "the table was made for fewer merges")
    count += 1
    slots[slot] = Slot(
      pair: pair, entry: UInt64(truncatingIfNeeded: rank) << 32 | UInt64(UInt32(bitPattern: result)))
    return true
  }

  /// The merge of a pair, or `none`.
  @inline(__always)
  func entry(_ left: Int32, _ right: Int32) -> Entry {
    let pair = Self.pair(left, right)
    return slots.withUnsafeBufferPointer { slots in
      var slot = start(pair)
      while slots[slot].pair != pair {
        if slots[slot].pair == .max { return Self.none }
        slot = (slot &+ 1) & (slots.count &- 1)
      }
      return slots[slot].entry
    }
  }

  @inline(__always)
  private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func start(_ pair: UInt64) -> Int {
    let mixed = (pair ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: ((mixed.high ^ mixed.low) &* seed) >> shift)
  }
}
