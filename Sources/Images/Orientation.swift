/// How a camera was held, 1 to 8, as EXIF counts: the transposition that makes the stored picture upright.
enum Orientation: Int, Sendable {
  case upright = 1, mirrored, rotated180, flipped, transposed, rotatedLeft, transversed, rotatedRight

  /// Reads the tag from a PNG's or JPEG's EXIF block, else from its XMP text; upright where neither says more.
  ///
  /// Damaged metadata is no reason to refuse a picture: it counts as absent.
  init(of bytes: [UInt8]) {
    let blocks = ImageKind(of: bytes) == .png ? Self.pngBlocks(bytes) : Self.jpegBlocks(bytes)
    if let exif = blocks.exif {
      // A block that is there and lacks the tag leaves the question to the XMP text.
      if let value = Self.tag(in: bytes, exif) {
        self = Self(rawValue: value) ?? .upright
        return
      }
    }
    self = blocks.xmp.flatMap { Self.property(in: bytes[$0]) }.flatMap(Self.init(rawValue:)) ?? .upright
  }

  private typealias Blocks = (exif: Range<Int>?, xmp: Range<Int>?)

  private static func pngBlocks(_ bytes: [UInt8]) -> Blocks {
    var blocks: Blocks = (nil, nil)
    var position = 8
    while position + 12 <= bytes.count {
      let length = big(bytes, position, 4)
      let data = position + 8
      guard length <= bytes.count - data - 4 else { break }
      let kind = bytes[position + 4..<data]
      if kind.elementsEqual("eXIf".utf8) { blocks.exif = data..<data + length }
      let label = Array("XML:com.adobe.xmp".utf8) + [0, 0]
      if kind.elementsEqual("iTXt".utf8), bytes[data..<data + length].starts(with: label) {
        blocks.xmp = data..<data + length
      }
      position = data + length + 4
    }
    return blocks
  }

  private static func jpegBlocks(_ bytes: [UInt8]) -> Blocks {
    var blocks: Blocks = (nil, nil)
    var position = 2
    while position + 4 <= bytes.count, bytes[position] == 0xFF {
      let marker = bytes[position + 1]
      // Fill bytes; then markers without a length; the scan ends the search.
      if marker == 0xFF || marker == 0x01 || (0xD0...0xD8).contains(marker) {
        position += marker == 0xFF ? 1 : 2
        continue
      }
      let length = big(bytes, position + 2, 2)
      let data = position + 4
      guard marker != 0xDA, marker != 0xD9, length >= 2, position + 2 + length <= bytes.count else { break }
      let end = position + 2 + length
      if marker == 0xE1 {
        let label = Array("Exif".utf8) + [0, 0]
        if blocks.exif == nil, bytes[data..<end].starts(with: label) { blocks.exif = data + label.count..<end }
        if bytes[data..<end].starts(with: "http://ns.adobe.com/xap/1.0/".utf8) { blocks.xmp = data..<end }
      }
      position = end
    }
    return blocks
  }

  /// The orientation tag (0x0112) of the first directory of a TIFF block.
  private static func tag(in bytes: [UInt8], _ block: Range<Int>) -> Int? {
    guard block.count >= 8 else { return nil }
    let littleEndian = bytes[block.lowerBound] == 0x49
    guard bytes[block.lowerBound] == bytes[block.lowerBound + 1], littleEndian || bytes[block.lowerBound] == 0x4D
    else { return nil }
    func number(_ offset: Int, _ count: Int) -> Int? {
      guard offset >= 0, offset <= block.count - count else { return nil }
      let at = block.lowerBound + offset
      return littleEndian ? bytes[at..<at + count].reversed().reduce(0) { $0 << 8 | Int($1) } : big(bytes, at, count)
    }
    guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    for entry in 0..<entries {
      let at = directory + 2 + entry * 12
      guard let tag = number(at, 2), let type = number(at + 2, 2), let count = number(at + 4, 4) else { return nil }
      guard tag == 0x0112 else { continue }
      guard count == 1, let width = [1: 1, 3: 2, 4: 4][type] else { return 1 }
      return number(at + 8, width)
    }
    return nil
  }

  /// `tiff:Orientation` as an attribute or an element of XMP text.
  private static func property(in text: ArraySlice<UInt8>) -> Int? {
    let name = Array("tiff:Orientation".utf8)
    var from = text.startIndex
    while let start = text[from...].firstIndex(of: name[0]) {
      let rest = text[start...]
      if rest.starts(with: name) {
        let value = rest.dropFirst(name.count)
        let skip = value.starts(with: "=\"".utf8) ? 2 : value.starts(with: ">".utf8) ? 1 : 0
        if skip > 0, let digit = value.dropFirst(skip).first, (0x30...0x39).contains(digit) { return Int(digit) - 0x30 }
      }
      from = start + 1
    }
    return nil
  }

  private static func big(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
    bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) }
  }
}

extension Picture {
  /// The picture turned so that a reader sees it as it was taken.
  func upright(from orientation: Orientation) -> Picture {
    guard orientation != .upright else { return self }
    let swaps = orientation.rawValue >= 5
    let (newWidth, newHeight) = swaps ? (height, width) : (width, height)
    let turned = [UInt8](unsafeUninitializedCapacity: samples.count) { out, count in
      for y in 0..<newHeight {
        for x in 0..<newWidth {
          let (fromX, fromY) =
            switch orientation {
            case .upright: (x, y)
            case .mirrored: (width - 1 - x, y)
            case .rotated180: (width - 1 - x, height - 1 - y)
            case .flipped: (x, height - 1 - y)
            case .transposed: (y, x)
            case .rotatedLeft: (y, height - 1 - x)
            case .transversed: (width - 1 - y, height - 1 - x)
            case .rotatedRight: (width - 1 - y, x)
            }
          let from = (fromY * width + fromX) * 3
          let to = (y * newWidth + x) * 3
          out[to] = samples[from]
          out[to + 1] = samples[from + 1]
          out[to + 2] = samples[from + 2]
        }
      }
      count = samples.count
    }
    return Picture(width: newWidth, height: newHeight, samples: turned)
  }
}
