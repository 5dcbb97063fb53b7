/// What a picture's file says beside its pixels, as far as it touches them.
///
/// Damaged metadata is no reason to refuse a picture: it counts as absent.
struct PictureMetadata {
  var orientation = Orientation.upright
  /// The bytes of a PNG's `tRNS` chunk, the last one if there are several.
  var transparency: [UInt8]?

  /// The longest block that is looked at, in bytes: far more than any camera writes.
  private static let blockLimit = 1 << 24

  init(of file: PictureBytes) {
    var exif: [UInt8]?
    var xmp: [UInt8]?
    if ImageKind(of: file) == .png {
      Self.pngChunks(file) { kind, data in
        switch kind {
        case 0x6558_4966: exif = file.bytes(at: data.lowerBound, count: data.count)  // eXIf
        case 0x6954_5874:  // iTXt
          let text = file.bytes(at: data.lowerBound, count: data.count)
          if text.starts(with: Array("XML:com.adobe.xmp".utf8) + [0, 0]) { xmp = text }
        case 0x7452_4E53: transparency = file.bytes(at: data.lowerBound, count: data.count)  // tRNS
        default: break
        }
      }
    } else {
      Self.jpegSegments(file) { marker, data in
        guard marker == 0xE1 else { return }
        let block = file.bytes(at: data.lowerBound, count: data.count)
        let label = Array("Exif".utf8) + [0, 0]
        if exif == nil, block.starts(with: label) { exif = Array(block.dropFirst(label.count)) }
        if block.starts(with: "http://ns.adobe.com/xap/1.0/".utf8) { xmp = block }
      }
    }
    orientation = Orientation(exif: exif, xmp: xmp)
  }

  /// Every chunk in order: its name as a number, and where its data lies.
  private static func pngChunks(_ file: PictureBytes, _ body: (_ kind: Int, _ data: Range<Int>) -> Void) {
    var position = 8
    while let length = file.number(at: position, count: 4), let kind = file.number(at: position + 4, count: 4) {
      let data = position + 8
      if kind == 0x4945_4E44 { return }  // IEND
      guard length <= file.size - data - 4 else { return }
      if length <= blockLimit { body(kind, data..<data + length) }
      position = data + length + 4
    }
  }

  /// Every segment in front of the first scan: its marker, and where its data lies.
  private static func jpegSegments(_ file: PictureBytes, _ body: (_ marker: Int, _ data: Range<Int>) -> Void) {
    var position = 2
    while file.number(at: position, count: 1) == 0xFF, let marker = file.number(at: position + 1, count: 1) {
      // Fill bytes; then markers without a length; the scan ends the search.
      if marker == 0xFF || marker == 0x01 || (0xD0...0xD8).contains(marker) {
        position += marker == 0xFF ? 1 : 2
        continue
      }
      guard marker != 0xDA, marker != 0xD9, let length = file.number(at: position + 2, count: 2), length >= 2,
        position + 2 + length <= file.size
      else { return }
      body(marker, position + 4..<position + 2 + length)
      position += 2 + length
    }
  }
}
