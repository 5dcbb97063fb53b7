/// The numbers of byte strings, found without building a key.
struct TokenTable: Sendable {
  /// The bytes of every entry, one after the other.
  private var arena: [UInt8] = []
  /// Where each entry ends in `arena`.
  private var ends: [Int] = []
  private var values: [Int32] = []
  /// Places in `values`, or -1; a power of two of them.
  private var slots: [Int32]

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
    ends.reserveCapacity(capacity)
    values.reserveCapacity(capacity)
  }

  var count: Int { values.count }

  /// Adds an entry.
  ///
  /// - Returns: the number it already had, with nothing changed, if it was there.
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int32) -> Int32? {
    var slot = find(key)
    if slots[slot] >= 0 { return values[Int(slots[slot])] }
    if values.count * 2 >= slots.count {
      grow()
      slot = find(key)
    }
    slots[slot] = Int32(truncatingIfNeeded: values.count)
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
    let place = slots[find(key)]
    return place < 0 ? nil : values[Int(place)]
  }

  /// The number of a text.
  func value(of text: String) -> Int32? {
    var text = text
    return text.withUTF8 { value(of: $0) }
  }

  /// The slot that holds the key, or the free one where it belongs.
  private func find(_ key: UnsafeBufferPointer<UInt8>) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: Self.hash(key)) & mask
    while slots[slot] >= 0, !holds(Int(slots[slot]), key) { slot = (slot + 1) & mask }
    return slot
  }

  private func holds(_ place: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = place == 0 ? 0 : ends[place - 1]
    return ends[place] - start == key.count && arena[start..<ends[place]].elementsEqual(key)
  }

  private mutating func grow() {
    let old = slots
    slots = [Int32](repeating: -1, count: old.count * 2)
    for place in values.indices {
      let start = place == 0 ? 0 : ends[place - 1]
      var slot = arena[start..<ends[place]].withUnsafeBufferPointer { Int(truncatingIfNeeded: Self.hash($0)) }
      slot &= slots.count - 1
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(truncatingIfNeeded: place)
    }
  }

  /// The standard library's hash, seeded by the process: a file cannot be made to collide.
  private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: UnsafeRawBufferPointer(key))
    return hasher.finalize()
  }
}
