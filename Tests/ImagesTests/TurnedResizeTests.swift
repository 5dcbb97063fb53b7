import Images
import Base
import TestSupport
import Testing

/// Rows that are resized as they are decoded, in the order and orientation they are stored in, give what the whole upright
/// picture gives.
@Suite struct TurnedResizeTests {
  @Test(arguments: [(7, 5), (5, 7), (21, 19), (64, 64), (3, 40), (40, 3), (1, 1)])
  func `resized while decoding`(width: Int, height: Int) throws {
    let cases = try #require(Fixtures.json("hostile/images.json").arrayValue).filter { $0["words"] == nil }
    for name in cases.compactMap({ $0["file"]?.stringValue })
    where ["orientation", "interlaced", ".jpg"].contains(where: name.contains) {
      let path = Fixtures.path("hostile/images/" + name)
      let whole = try ImageDecoder.decode(path: path)
      let sizes = [(width, height), (whole.width, height), (width, whole.height)]
      for size in sizes {
        let resized = try PictureFile(path: path).resized(width: size.0, height: size.1)
        #expect(resized == whole.resized(width: size.0, height: size.1), "\(name) to \(size)")
      }
    }
  }
}
