import Images
import Base
import TestSupport
import Testing

func sha256(_ bytes: [UInt8]) -> String {
  var hash = SHA256Hash()
  bytes.withUnsafeBytes { hash.update($0) }
  return hash.finalize()
}

/// Pillow's own results for pictures that are stretched, shrunk and both, in either order of passes.
@Suite struct ResizeTests {
  @Test func pillow() throws {
    for entry in try #require(Fixtures.json("golden/resize.json").arrayValue) {
      let from = try #require(entry["from"]?.arrayValue?.compactMap { $0.intValue.map { Int($0) } })
      let to = try #require(entry["to"]?.arrayValue?.compactMap { $0.intValue.map { Int($0) } })
      let samples = (0..<from[0] * from[1] * 3).map {
        UInt8(truncatingIfNeeded: (UInt64($0) &* 2_654_435_761 & 0xFFFF_FFFF) >> 13)
      }
      let resized = Picture(width: from[0], height: from[1], samples: samples).resized(width: to[0], height: to[1])
      #expect(sha256(resized.samples) == entry["sha256"]?.stringValue, "\(from) to \(to)")
    }
  }
}
