import Foundation

/// Damages good files in ways that hostile and broken ones are damaged, the same way for the same seed.
package struct Mutator: RandomNumberGenerator {
  private var state: UInt64

  /// Starts a sequence.
  package init(seed: UInt64) { state = seed }

  /// SplitMix64.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Numbers that break careless arithmetic.
  private static let numbers: [UInt64] = [
    0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 255, 256, 65_535, 65_536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
    1 << 32, 1 << 33, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 31, .max - 1, .max,
  ]

  /// Texts that break careless parsers of JSON.
  private static let texts = [
    "-1", "0", "1e999", "-0", "1.5", "9223372036854775808", "18446744073709551616", "null", "true", "\"\"", "[]", "{}",
    "[[",
    "{\"", "\"\\ud800\"", "\u{0}", "NaN", ",", ":", "../../x", "256", "4096",
  ]

  /// A damaged copy: one to four wounds.
  package mutating func mutate(_ good: [UInt8]) -> [UInt8] {
    var bytes = good
    for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty { wound(&bytes) }
    return bytes
  }

  private mutating func wound(_ bytes: inout [UInt8]) {
    let place = Int.random(in: 0..<bytes.count, using: &self)
    let length = min(bytes.count - place, Int.random(in: 1...24, using: &self))
    switch Int.random(in: 0..<10, using: &self) {
    case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
    case 2: bytes[place] = UInt8.random(in: 0...255, using: &self)
    case 3: overwrite(&bytes, at: place, width: 8)
    case 4: overwrite(&bytes, at: place, width: 4)
    case 5: bytes.removeSubrange(place..<place + length)
    case 6: bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: place)
    case 7: bytes.removeLast(bytes.count - place)
    case 8: replaceNumber(&bytes, near: place)
    default:
      let text = Self.texts.randomElement(using: &self) ?? ""
      bytes.replaceSubrange(place..<min(bytes.count, place + Int.random(in: 0...4, using: &self)), with: text.utf8)
    }
  }

  /// Puts a dangerous little-endian number over what is there.
  private mutating func overwrite(_ bytes: inout [UInt8], at place: Int, width: Int) {
    let number = Self.numbers.randomElement(using: &self) ?? 0
    for index in 0..<width where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
    }
  }

  /// Replaces the next run of digits by another number.
  private mutating func replaceNumber(_ bytes: inout [UInt8], near place: Int) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[place...].firstIndex(where: digits.contains) else { return }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    let text =
      Bool.random(using: &self)
      ? Self.texts.randomElement(using: &self) : Self.numbers.randomElement(using: &self).map(String.init)
    bytes.replaceSubrange(start..<end, with: (text ?? "0").utf8)
  }

  /// How many mutations a run makes in all: `QUERN_FUZZ` of the environment, or a number that takes seconds.
  package static let count = ProcessInfo.processInfo.environment["QUERN_FUZZ"].flatMap { Int($0) } ?? 20_000
}
