import CImages
import Tensors

extension ImageDecoder {
  /// Decodes a PNG to what Pillow's `convert("RGB")` gives: alpha is dropped, not blended.
  static func decodePNG(_ bytes: [UInt8]) throws(CheckpointError) -> Picture {
    var header = cimages_png()
    try call("PNG") { message in cimages_png_header(bytes, bytes.count, &header, message) }
    // Deflate makes at most 1032 bytes of one; a sample has at least one bit.
    let channels = [2: 3, 4: 2, 6: 4][Int(header.color_type)] ?? 1
    let bits = channels * Int(header.bit_depth)
    let (width, height) = try checkSize(
      header.width, header.height, justified: bytes.count * 1032 * 8 / max(1, bits))
    let sampleBytes = header.bit_depth == 16 ? 2 : 1
    var stored = [UInt8](repeating: 0, count: width * height * channels * sampleBytes)
    try call("PNG") { message in cimages_png_samples(bytes, bytes.count, &stored, stored.count, message) }
    let palette = header.color_type == 3 ? paletteTable(&header) : []
    let grey = header.color_type == 0 || header.color_type == 4
    let lookup = grey && header.bit_depth < 8 ? 255 / ((1 << Int(header.bit_depth)) - 1) : 1
    let clipped = header.color_type == 0 && header.bit_depth == 16
    let samples = [UInt8](unsafeUninitializedCapacity: width * height * 3) { out, count in
      for pixel in 0..<width * height {
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
          red = stored[from] &* UInt8(lookup)
          (green, blue) = (red, red)
        } else {
          red = stored[from]
          green = stored[from + sampleBytes]
          blue = stored[from + 2 * sampleBytes]
        }
        out[pixel * 3] = red
        out[pixel * 3 + 1] = green
        out[pixel * 3 + 2] = blue
      }
      count = width * height * 3
    }
    return Picture(width: width, height: height, samples: samples)
  }

  /// The palette as 256 colours; entries past the file's own are black, as in Pillow.
  private static func paletteTable(_ header: inout cimages_png) -> [UInt8] {
    var table = [UInt8](repeating: 0, count: 768)
    let count = Int(header.palette_entries) * 3
    withUnsafeBytes(of: &header.palette) { bytes in
      for index in 0..<min(count, table.count) { table[index] = bytes[index] }
    }
    return table
  }
}
