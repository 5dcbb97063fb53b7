import CImages
import Tensors

extension ImageDecoder {
  /// The most scans of a progressive JPEG that are decoded; encoders write about ten.
  static let scanLimit: Int32 = 100

  /// Decodes a JPEG to what Pillow's `convert("RGB")` gives.
  static func decodeJPEG(_ bytes: [UInt8]) throws(CheckpointError) -> Picture {
    var header = cimages_jpeg()
    try call("JPEG") { message in cimages_jpeg_header(bytes, bytes.count, &header, message) }
    // A block of 8x8 pixels takes at least one bit of a Huffman-coded scan; arithmetic coding knows no such floor.
    let justified = header.arithmetic != 0 ? pixelLimit : bytes.count * 8 * 64 + 64
    let (width, height) = try checkSize(header.width, header.height, justified: justified)
    let components = Int(header.components)
    var stored = [UInt8](repeating: 0, count: width * height * components)
    try call("JPEG") { message in
      cimages_jpeg_samples(bytes, bytes.count, &stored, stored.count, scanLimit, message)
    }
    switch components {
    case 1:
      let samples = [UInt8](unsafeUninitializedCapacity: stored.count * 3) { out, count in
        for (pixel, grey) in stored.enumerated() {
          out[pixel * 3] = grey
          out[pixel * 3 + 1] = grey
          out[pixel * 3 + 2] = grey
        }
        count = stored.count * 3
      }
      return Picture(width: width, height: height, samples: samples)
    case 4:
      return Picture(width: width, height: height, samples: fromInvertedCMYK(stored))
    default:
      return Picture(width: width, height: height, samples: stored)
    }
  }

  /// Ink to light: stored inverted, as Adobe's programs do and Pillow assumes of every CMYK JPEG.
  private static func fromInvertedCMYK(_ stored: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: stored.count / 4 * 3) { out, count in
      for pixel in 0..<stored.count / 4 {
        let light = Int(stored[pixel * 4 + 3])
        for channel in 0..<3 {
          let product = (255 - Int(stored[pixel * 4 + channel])) * light + 128
          // Division by 255, rounded.
          out[pixel * 3 + channel] = UInt8(clamping: light - ((product >> 8) + product) >> 8)
        }
      }
      count = stored.count / 4 * 3
    }
  }
}
