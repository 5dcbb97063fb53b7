import Base

/// Reads pictures from files: PNG and JPEG, told apart by their first bytes, never by the name.
///
/// The samples are those of Pillow's `ImageOps.exif_transpose(image).convert("RGB")`, laid on white where a colour key
/// made them transparent, which is what the reference resizes; see `formats/images.md` for what that does to alpha,
/// grey, palettes and 16 bits.
package enum ImageDecoder {
  /// The largest picture that is decoded, in pixels: where Pillow starts to warn of a decompression bomb.
  package static let pixelLimit = 89_478_485
  /// The longest file that is read, in bytes.
  package static let fileLimit: UInt64 = 1 << 29

  /// Decodes a file.
  ///
  /// - Throws: `unsupported` for what is neither PNG nor JPEG or is too large, `malformed` for a damaged picture,
  ///   `missing` and `inputOutput` as the file system has it.
  package static func decode(path: String) throws(CheckpointError) -> Picture {
    let file = try PictureFile(path: path)
    return try file.resized(width: file.width, height: file.height)
  }

  /// Decodes bytes; `file` is the name that errors carry.
  package static func decode(_ bytes: [UInt8], file: String) throws(CheckpointError) -> Picture {
    let file = try PictureFile(PictureBytes(bytes, name: file))
    return try file.resized(width: file.width, height: file.height)
  }

  /// Refuses a header that asks for more than the limits or more than the file's length could hold.
  ///
  /// `justified` is the most pixels that so many bytes can encode.
  static func checkSize(_ width: UInt32, _ height: UInt32, justified: Int) throws(CheckpointError) -> (Int, Int) {
    let (width, height) = (Int(width), Int(height))
    guard width > 0, height > 0 else { throw CheckpointError(.malformed, "a picture of \(width)x\(height) pixels") }
    // Two 32-bit numbers: the product fits.
    guard width * height <= pixelLimit else {
      throw CheckpointError(
        .unsupported, "a picture of \(width)x\(height) pixels; the limit is \(pixelLimit) pixels")
    }
    guard width * height <= justified else {
      throw CheckpointError(
        .malformed, "the header says \(width)x\(height) pixels, and so few bytes cannot hold them")
    }
    return (width, height)
  }
}

/// What a file is by its first bytes.
enum ImageKind: Equatable {
  case png, jpeg
  case other(String)

  init(of file: PictureBytes) {
    let bytes = file.bytes(at: 0, count: 16)
    func starts(_ prefix: [UInt8], at offset: Int = 0) -> Bool {
      bytes.count >= offset + prefix.count && bytes[offset..<offset + prefix.count].elementsEqual(prefix)
    }
    let known: [(String, [UInt8], Int)] = [
      ("a GIF", Array("GIF8".utf8), 0), ("a WebP", Array("WEBP".utf8), 8), ("a BMP", Array("BM".utf8), 0),
      ("a TIFF", [0x49, 0x49, 0x2A, 0], 0), ("a TIFF", [0x4D, 0x4D, 0, 0x2A], 0), ("a PDF", Array("%PDF".utf8), 0),
      ("an AVIF or HEIC", Array("ftyp".utf8), 4), ("a JPEG XL", [0xFF, 0x0A], 0), ("a JPEG 2000", [0xFF, 0x4F], 0),
    ]
    if starts([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if starts([0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if let match = known.first(where: { starts($0.1, at: $0.2) }) {
      self = .other(match.0)
    } else {
      self = .other(bytes.isEmpty ? "an empty file" : "not a picture")
    }
  }
}
