/// Finds members of a JSON object by their keys, equal when their UTF-8 bytes are.
///
/// Few keys are simply compared; more get a table with open addressing, which for the hundred thousands of a
/// vocabulary is several times faster to build than a dictionary of texts.
struct KeyIndex: Sendable {
  /// The hash of each key, in the order of the members.
  private var hashes: [UInt64] = []
  /// A power of two of places, each a member's number plus one or 0 where free; empty while there are few members.
  private var slots: [UInt32] = []

  /// Drawn anew for each process: a file cannot be made to collide.
  private static let seed = UInt64.random(in: .min ... .max)
  private static let few = 8

  /// The number of the member with a key.
  ///
  /// `holds` tells whether the member of a number has the key; it is only asked where the hashes agree.
  func find(_ key: String, _ holds: (Int) -> Bool) -> Int? {
    let hash = Self.hash(key)
    if slots.isEmpty { return hashes.indices.first { hashes[$0] == hash && holds($0) } }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if hashes[number] == hash, holds(number) { return number }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// Adds the next member, whose key is not there yet.
  mutating func append(_ key: String) {
    hashes.append(Self.hash(key))
    if hashes.count > Self.few, hashes.count * 2 > slots.count {
      grow()
    } else if !slots.isEmpty {
      place(hashes.count - 1)
    }
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: max(32, slots.count * 4))
    for number in hashes.indices { place(number) }
  }

  private mutating func place(_ number: Int) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashes[number]) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(truncatingIfNeeded: number + 1)
  }

  /// Mixes eight bytes at a time by multiplication, folding the high half back.
  private static func hash(_ key: String) -> UInt64 {
    var key = key
    return key.withUTF8 { bytes in
      var state = seed ^ UInt64(bytes.count)
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        var word: UInt64 = 0
        let count = min(8, rest.count)
        withUnsafeMutableBytes(of: &word) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count])) }
        let product = (state ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        state = product.high ^ product.low &+ seed
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return state
    }
  }
}
