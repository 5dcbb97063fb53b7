/// How a camera was held, 1 to 8, as EXIF counts: the transposition that makes the stored picture upright.
enum Orientation: Int, Sendable {
  case upright = 1, mirrored, rotated180, flipped, transposed, rotatedLeft, transversed, rotatedRight

  /// Reads the tag of an EXIF block, else the property of XMP text; upright where neither says more.
  init(exif: [UInt8]?, xmp: [UInt8]?) {
    // A block that is there and lacks the tag leaves the question to the XMP text.
    let value = exif.flatMap(Self.tag) ?? xmp.flatMap(Self.property)
    self = value.flatMap(Self.init(rawValue:)) ?? .upright
  }

  /// Whether rows become columns.
  var swapsAxes: Bool { rawValue >= 5 }
  /// Whether what is left in the stored picture ends up right, or below when axes are swapped.
  var reversesAcross: Bool { [.mirrored, .rotated180, .transversed, .rotatedRight].contains(self) }
  /// Whether what is above in the stored picture ends up below, or right when axes are swapped.
  var reversesDown: Bool { [.rotated180, .flipped, .rotatedLeft, .transversed].contains(self) }

  /// The orientation tag (0x0112) of the first directory of a TIFF block.
  private static func tag(in block: [UInt8]) -> Int? {
    guard block.count >= 8, block[0] == block[1], block[0] == 0x49 || block[0] == 0x4D else { return nil }
    let littleEndian = block[0] == 0x49
    func number(_ offset: Int, _ count: Int) -> Int? {
      guard offset >= 0, offset <= block.count - count else { return nil }
      let bytes = block[offset..<offset + count]
      return littleEndian
        ? bytes.reversed().reduce(0) { $0 << 8 | Int($1) } : bytes.reduce(0) { $0 << 8 | Int($1) }
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
  private static func property(in text: [UInt8]) -> Int? {
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
}

extension Picture {
  /// The picture turned so that a reader sees it as it was taken.
  func upright(from orientation: Orientation) -> Picture {
    guard orientation != .upright else { return self }
    let (newWidth, newHeight) = orientation.swapsAxes ? (height, width) : (width, height)
    let turned = [UInt8](unsafeUninitializedCapacity: samples.count) { out, count in
      let swaps = orientation.swapsAxes
      let (reversesAcross, reversesDown) = (orientation.reversesAcross, orientation.reversesDown)
      for y in 0..<newHeight {
        for x in 0..<newWidth {
          let (across, down) = swaps ? (y, x) : (x, y)
          let fromX = reversesAcross ? width - 1 - across : across
          let fromY = reversesDown ? height - 1 - down : down
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
