import CImages
import Base

/// The rows of a PNG, each as what Pillow's `convert("RGB")` makes of it: alpha is dropped, not blended.
///
/// An interlaced picture comes in passes, and each of its rows says which pixels it holds.
struct PNGRows: PictureRows {
  let width: Int
  let height: Int
  private let decoder: Decoder
  private let header: cimages_png
  private let channels: Int
  private let sampleBytes: Int
  private let palette: [UInt8]
  private let key: [UInt8]?
  private var stored: [UInt8]
  /// Of an interlaced picture, the pass and the row in it; of others, the row of pass nil.
  private var pass: Int?
  private var y = 0

  var isInterlaced: Bool { header.interlaced != 0 }

  /// Columns and rows of the seven passes: where they begin, and how far apart they are.
  private static let passes: [(x: Int, y: Int, dx: Int, dy: Int)] = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
  ]

  /// Reads the header; `transparency` is the data of the `tRNS` chunk.
  init(_ file: PictureBytes, transparency: [UInt8]?) throws(CheckpointError) {
    var header = cimages_png()
    decoder = try Decoder(
      "PNG", file, open: { cimages_png_open($0, $1, &header, $2) }, close: { cimages_png_close($0) })
    self.header = header
    channels = [2: 3, 4: 2, 6: 4][Int(header.color_type)] ?? 1
    sampleBytes = header.bit_depth == 16 ? 2 : 1
    // Deflate makes at most 1032 bytes of one; a sample has at least one bit.
    let bits = max(1, channels * Int(header.bit_depth))
    (width, height) = try ImageDecoder.checkSize(header.width, header.height, justified: file.size * 1032 * 8 / bits)
    palette = Self.palette(&header)
    key = if let transparency { try Self.key(transparency, header.color_type, header.bit_depth, palette) } else { nil }
    stored = [UInt8](repeating: 0, count: width * channels * sampleBytes)
    pass = header.interlaced != 0 ? 0 : nil
  }

  mutating func next(into row: inout [UInt8]) throws(CheckpointError) -> RowPlace {
    var place = RowPlace(y: y, x: 0, step: 1, count: width)
    if let pass {
      let grid = Self.passes[pass]
      place = RowPlace(
        y: grid.y + y * grid.dy, x: grid.x, step: grid.dx, count: (width - grid.x + grid.dx - 1) / grid.dx)
    }
    try decoder.call { rows, message in cimages_png_row(rows, &stored, stored.count, message) }
    convert(place.count, into: &row)
    if let key { whiten(place.count, key, &row) }
    advance()
    return place
  }

  /// Moves on to the next row; passes without any are left out.
  private mutating func advance() {
    y += 1
    while let current = pass, current < 6 {
      let grid = Self.passes[current]
      guard grid.x >= width || grid.y + y * grid.dy >= height else { return }
      pass = current + 1
      y = 0
    }
  }

  /// The pixels of a stored row as red, green and blue.
  private func convert(_ count: Int, into row: inout [UInt8]) {
    let grey = header.color_type == 0 || header.color_type == 4
    let lookup = grey && header.bit_depth < 8 ? UInt8(255 / ((1 << Int(header.bit_depth)) - 1)) : 1
    let clipped = header.color_type == 0 && header.bit_depth == 16
    stored.withUnsafeBufferPointer { stored in
      row.withUnsafeMutableBufferPointer { row in
        for pixel in 0..<count {
          let from = pixel * channels * sampleBytes
          var (red, green, blue): (UInt8, UInt8, UInt8)
          if header.color_type == 3 {
            let entry = Int(stored[from]) * 3
            (red, green, blue) = (palette[entry], palette[entry + 1], palette[entry + 2])
          } else if clipped {
            // Pillow's 16-bit grey becomes 8 bits by clipping, not by scaling.
            red = stored[from] == 0 ? stored[from + 1] : 255
            (green, blue) = (red, red)
          } else if grey {
            red = stored[from] &* lookup
            (green, blue) = (red, red)
          } else {
            red = stored[from]
            green = stored[from + sampleBytes]
            blue = stored[from + 2 * sampleBytes]
          }
          row[pixel * 3] = red
          row[pixel * 3 + 1] = green
          row[pixel * 3 + 2] = blue
        }
      }
    }
  }

  /// The palette as 256 colours; entries past the file's own are black, as in Pillow.
  private static func palette(_ header: inout cimages_png) -> [UInt8] {
    guard header.color_type == 3 else { return [] }
    var table = [UInt8](repeating: 0, count: 768)
    let count = Int(header.palette_entries) * 3
    withUnsafeBytes(of: &header.palette) { bytes in
      for index in 0..<min(count, table.count) { table[index] = bytes[index] }
    }
    return table
  }
}

// MARK: Colour keys

extension PNGRows {
  /// The colour that a `tRNS` chunk makes transparent, as the reference takes it; nil where it makes none so.
  ///
  /// The reference keeps a single colour through its conversion to RGB, where it compares 8-bit samples with what it
  /// read: the low bytes of a key of 16 bits, and grey of 2 and 4 bits before it is spread. Alpha of several palette
  /// entries is lost in that conversion.
  private static func key(
    _ data: [UInt8], _ type: UInt8, _ depth: UInt8, _ palette: [UInt8]
  ) throws(CheckpointError) -> [UInt8]? {
    guard type == 3 || data.count >= [0: 2, 2: 6][Int(type), default: 0] else {
      throw CheckpointError(.malformed, "the PNG picture is damaged", cause: "its colour key is cut short")
    }
    switch (type, depth) {
    case (0, 1): return data[0] == 0 && data[1] == 0 ? [0, 0, 0] : nil
    case (0, 16): return data[1] == 0 ? [0, 0, 0] : nil
    case (0, _): return [UInt8](repeating: data[0] == 0 ? data[1] : 255, count: 3)
    case (2, _): return [data[1], data[3], data[5]]
    case (3, _):
      guard let entry = data.firstIndex(of: 0), entry < 256, data.filter({ $0 != 255 }).count == 1 else { return nil }
      return Array(palette[entry * 3..<entry * 3 + 3])
    default: return nil
    }
  }

  /// What is transparent lies on white.
  private func whiten(_ count: Int, _ key: [UInt8], _ row: inout [UInt8]) {
    for at in stride(from: 0, to: count * 3, by: 3)
    where row[at] == key[0] && row[at + 1] == key[1] && row[at + 2] == key[2] {
      (row[at], row[at + 1], row[at + 2]) = (255, 255, 255)
    }
  }
}
