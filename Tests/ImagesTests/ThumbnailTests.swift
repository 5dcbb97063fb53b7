import Images
import Testing

/// Small copies of pictures.
struct ThumbnailTests {
  @Test func `what is written is read again, sample by sample`() throws {
    let samples = (0..<7 * 5 * 3).map { UInt8($0 * 37 & 255) }
    let picture = Picture(width: 7, height: 5, samples: samples)
    let file = try #require(Thumbnail.png(picture))
    #expect(try ImageDecoder.decode(file, file: "own") == picture)
    // One that is small enough is kept as it is.
    #expect(Thumbnail.png(of: file, name: "own", longest: 160) == file)
  }

  @Test func `the longer side is cut down, and what cannot be read gives none`() throws {
    let picture = Picture(width: 64, height: 200, samples: [UInt8](repeating: 9, count: 64 * 200 * 3))
    let file = try #require(Thumbnail.png(picture))
    let small = try ImageDecoder.decode(try #require(Thumbnail.png(of: file, name: "own", longest: 160)), file: "own")
    #expect(small.width == 51 && small.height == 160)
    #expect(Thumbnail.png(of: Array(file.prefix(40)), name: "own", longest: 160) == nil)
    #expect(Thumbnail.png(of: [], name: "own", longest: 160) == nil)
  }
}
