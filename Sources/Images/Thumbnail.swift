import CImages

/// Small copies of pictures, for pages.
package enum Thumbnail {
  /// A picture, upright, with neither side longer than `longest`, as a PNG that holds its pixels and nothing else; nil for what cannot
  /// be read.
  package static func png(of file: [UInt8], name: String, longest: Int) -> [UInt8]? {
    guard let source = try? PictureFile(file, name: name) else { return nil }
    let scale = min(1, Double(longest) / Double(max(source.width, source.height)))
    func scaled(_ size: Int) -> Int { max(1, Int((Double(size) * scale).rounded())) }
    guard let picture = try? source.resized(width: scaled(source.width), height: scaled(source.height)) else {
      return nil
    }
    return png(picture)
  }

  /// A picture as a PNG.
  package static func png(_ picture: Picture) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: cimages_png_bound(UInt32(picture.width), UInt32(picture.height)))
    let count = picture.samples.withUnsafeBufferPointer { samples in
      cimages_png_write(samples.baseAddress, UInt32(picture.width), UInt32(picture.height), &bytes, bytes.count)
    }
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
