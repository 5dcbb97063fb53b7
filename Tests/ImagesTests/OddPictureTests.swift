import Images
import Base
import TestSupport
import Testing

/// Every odd picture decodes to Pillow's samples, every hostile one is refused in words.
@Suite struct OddPictureTests {
  @Test func pictures() throws {
    let cases = try #require(Fixtures.json("hostile/images.json").arrayValue)
    #expect(cases.count > 100)
    for entry in cases {
      let name = try #require(entry["file"]?.stringValue)
      let path = Fixtures.path("hostile/images/" + name)
      if let words = entry["words"]?.stringValue {
        do {
          _ = try ImageDecoder.decode(path: path)
          Issue.record("\(name) was not refused")
        } catch {
          #expect(error.description.contains(words) && error.description.contains(name), "\(error)")
          #expect(error.isOfInput)
        }
      } else {
        let picture = try ImageDecoder.decode(path: path)
        #expect(picture.width == entry["width"]?.intValue.map { Int($0) }, "\(name)")
        #expect(picture.height == entry["height"]?.intValue.map { Int($0) }, "\(name)")
        #expect(sha256(picture.samples) == entry["sha256"]?.stringValue, "\(name)")
      }
    }
  }

  /// Seeded damage to every picture: an answer or a refusal, never a crash.
  @Test func damage() throws {
    var dice = SeededGenerator(seed: 5)
    for entry in try #require(Fixtures.json("hostile/images.json").arrayValue) {
      let name = try #require(entry["file"]?.stringValue)
      let whole = try Fixtures.bytes("hostile/images/" + name)
      guard !whole.isEmpty else { continue }
      for _ in 0..<20 {
        var bytes = whole
        for _ in 0..<Int(dice.next() % 4) + 1 {
          let place = Int(dice.next() % UInt64(bytes.count))
          bytes[place] = UInt8(truncatingIfNeeded: dice.next())
        }
        if dice.next() % 4 == 0 { bytes.removeLast(Int(dice.next() % UInt64(bytes.count))) }
        _ = try? ImageDecoder.decode(bytes, file: name)
      }
    }
  }
}
