import CImages
import Base

/// The rows of a JPEG, each as what Pillow's `convert("RGB")` makes of it.
struct JPEGRows: PictureRows {
  let width: Int
  let height: Int
  private let decoder: Decoder
  private let components: Int
  private var stored: [UInt8]
  private var y = 0

  /// The most scans of a progressive JPEG that are decoded; encoders write about ten.
  private static let scanLimit: Int32 = 100

  var isInterlaced: Bool { false }

  /// Reads the header.
  init(_ file: PictureBytes) throws(CheckpointError) {
    var header = cimages_jpeg()
    decoder = try Decoder(
      "JPEG", file, open: { cimages_jpeg_open($0, $1, &header, $2) }, close: { cimages_jpeg_close($0) })
    components = Int(header.components)
    // A block of 8x8 pixels takes at least one bit of a Huffman-coded scan; arithmetic coding knows no such floor.
    let justified = header.arithmetic != 0 ? ImageDecoder.pixelLimit : file.size * 8 * 64 + 64
    (width, height) = try ImageDecoder.checkSize(header.width, header.height, justified: justified)
    stored = [UInt8](repeating: 0, count: width * components)
  }

  mutating func next(into row: inout [UInt8]) throws(CheckpointError) -> RowPlace {
    try decoder.call { rows, message in cimages_jpeg_row(rows, &stored, stored.count, Self.scanLimit, message) }
    switch components {
    case 1:
      for pixel in 0..<width {
        row[pixel * 3] = stored[pixel]
        row[pixel * 3 + 1] = stored[pixel]
        row[pixel * 3 + 2] = stored[pixel]
      }
    case 4: fromInvertedCMYK(into: &row)
    default: swap(&row, &stored)
    }
    defer { y += 1 }
    return RowPlace(y: y, x: 0, step: 1, count: width)
  }

  /// Ink to light: stored inverted, as Adobe's programs do and Pillow assumes of every CMYK JPEG.
  private func fromInvertedCMYK(into row: inout [UInt8]) {
    for pixel in 0..<width {
      let light = Int(stored[pixel * 4 + 3])
      for channel in 0..<3 {
        let product = (255 - Int(stored[pixel * 4 + channel])) * light + 128
        // Division by 255, rounded.
        row[pixel * 3 + channel] = UInt8(clamping: light - ((product >> 8) + product) >> 8)
      }
    }
  }
}
