import Base

/// Which pixels a row of a decoder holds: `count` of row `y`, `step` apart from column `x` on.
struct RowPlace {
  var y: Int
  var x: Int
  var step: Int
  var count: Int
}

/// A decoder that gives a picture's rows one by one, in RGB.
protocol PictureRows {
  var width: Int { get }
  var height: Int { get }
  /// Whether a row may hold a part of the picture's row only, and rows come in another order than from the top.
  var isInterlaced: Bool { get }

  /// Decodes the next row into `row`, which has room for the picture's width.
  mutating func next(into row: inout [UInt8]) throws(CheckpointError) -> RowPlace
}

/// A picture's file whose header has been read and checked, and no pixel.
///
/// Pixels are resized row by row as they are decoded, so that memory holds the result and a few rows: see
/// `formats/images.md` for the files that take more.
package struct PictureFile {
  /// Pixels in a row of the picture as it is seen.
  package let width: Int
  /// Its rows.
  package let height: Int
  private let file: PictureBytes
  private let metadata: PictureMetadata

  /// Reads the header of a file.
  ///
  /// - Throws: `unsupported` for what is neither PNG nor JPEG or is too large, `malformed` for a damaged header,
  ///   `missing` and `inputOutput` as the file system has it.
  package init(path: String) throws(CheckpointError) { try self.init(PictureBytes(path: path)) }

  /// Reads the header of bytes that are in memory; `name` is what errors carry.
  package init(_ bytes: [UInt8], name: String) throws(CheckpointError) {
    try self.init(PictureBytes(bytes, name: name))
  }

  /// Reads the header; throws as ``init(path:)`` does, but for the file system.
  init(_ file: PictureBytes) throws(CheckpointError) {
    self.file = file
    metadata = PictureMetadata(of: file)
    let stored: (Int, Int)
    do throws(CheckpointError) {
      if let failure = file.failure { throw failure }
      switch ImageKind(of: file) {
      case .png:
        let rows = try PNGRows(file, transparency: metadata.transparency)
        stored = (rows.width, rows.height)
      case .jpeg:
        let rows = try JPEGRows(file)
        stored = (rows.width, rows.height)
      case .other(let name):
        throw CheckpointError(.unsupported, "this is \(name), and only PNG and JPEG pictures are read")
      }
    } catch {
      throw error.in(file: file.name)
    }
    (width, height) = metadata.orientation.swapsAxes ? (stored.1, stored.0) : stored
  }

  /// The picture upright, stretched to exactly `width` x `height`.
  ///
  /// - Throws: `malformed` for a damaged picture.
  package func resized(
    width newWidth: Int, height newHeight: Int, _ filter: Resampling = .bicubic
  ) throws(CheckpointError) -> Picture {
    do throws(CheckpointError) {
      var resizer = RowResizer(
        width: width, height: height, newWidth: newWidth, newHeight: newHeight, filter,
        from: metadata.orientation)
      if ImageKind(of: file) == .png {
        var rows = try PNGRows(file, transparency: metadata.transparency)
        try Self.feed(&rows, to: &resizer)
      } else {
        var rows = try JPEGRows(file)
        try Self.feed(&rows, to: &resizer)
      }
      return resizer.finish().upright(from: metadata.orientation)
    } catch {
      throw error.in(file: file.name)
    }
  }

  private static func feed(_ rows: inout some PictureRows, to resizer: inout RowResizer) throws(CheckpointError) {
    var row = [UInt8](repeating: 0, count: rows.width * 3)
    guard rows.isInterlaced else {
      for _ in 0..<rows.height {
        _ = try rows.next(into: &row)
        resizer.add(row[...])
      }
      return
    }
    // The last row of a picture comes with the last pass, so all of it is kept until then.
    var whole = [UInt8](repeating: 0, count: rows.height * row.count)
    var left = rows.width * rows.height
    while left > 0 {
      let place = try rows.next(into: &row)
      left -= place.count
      var to = (place.y * rows.width + place.x) * 3
      for from in stride(from: 0, to: place.count * 3, by: 3) {
        (whole[to], whole[to + 1], whole[to + 2]) = (row[from], row[from + 1], row[from + 2])
        to += place.step * 3
      }
    }
    for y in 0..<rows.height { resizer.add(whole[y * row.count..<(y + 1) * row.count]) }
  }
}
