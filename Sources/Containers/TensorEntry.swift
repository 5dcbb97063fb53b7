import Quants
import Base

/// One tensor of a checkpoint: its name, type and shape, and where its stored bytes lie.
///
/// Entries are handed out only after validation: `offset ..< offset + byteCount` lies inside `file` and `byteCount` is
/// what `type` and `shape` need.
package struct TensorEntry: Sendable {
  /// The name in the file.
  package let name: String
  /// How its numbers are stored.
  package let type: TensorType
  /// Its dimensions, outermost first.
  package let shape: Shape
  /// The file that holds its bytes.
  package let file: InputFile
  /// Where its first byte lies in `file`.
  package let offset: UInt64
  /// The length of its stored form in bytes.
  package let byteCount: Int
  /// Which rows of a larger stored tensor this one is; nil for a tensor that is stored by itself.
  package let rows: RowSelection?

  /// Describes a tensor whose range has been validated.
  package init(name: String, type: TensorType, shape: Shape, file: InputFile, offset: UInt64, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.file = file
    self.offset = offset
    self.byteCount = byteCount
    rows = nil
  }

  /// A tensor that is some rows of a stored matrix.
  private init(_ whole: TensorEntry, name: String, rows: RowSelection) {
    self.name = name
    type = whole.type
    shape = Shape([rows.count] + whole.shape.dimensions.dropFirst())
    file = whole.file
    offset = whole.offset
    byteCount = rows.byteCount
    self.rows = rows
  }

  /// The same tensor under another name.
  package func named(_ name: String) -> TensorEntry {
    if let rows { return TensorEntry(self, name: name, rows: rows) }
    return TensorEntry(name: name, type: type, shape: shape, file: file, offset: offset, byteCount: byteCount)
  }

  /// Some rows of this matrix as a tensor of its own.
  ///
  /// - Throws: `mismatch` when the matrix has fewer rows, `unsupported` when it is itself a selection.
  package func selecting(_ runs: [Range<Int>], name: String) throws(CheckpointError) -> TensorEntry {
    guard rows == nil, shape.rank > 1, let height = shape.dimensions.first, height > 0 else {
      throw failure(.unsupported, "of this tensor no rows can be taken")
    }
    guard runs.allSatisfy({ $0.lowerBound >= 0 && $0.upperBound <= height }) else {
      throw failure(.mismatch, "has \(height) rows, and others are wanted of it")
    }
    return TensorEntry(self, name: name, rows: RowSelection(runs, rowBytes: byteCount / height))
  }

  /// Copies stored bytes, from byte `start` of the tensor on, until the buffer is full.
  ///
  /// - Throws: `fault` when the range passes the end of the tensor, `inputOutput` when reading fails.
  package func read(
    into destination: UnsafeMutableRawBufferPointer, at start: Int = 0
  ) throws(CheckpointError) {
    guard start >= 0, start <= byteCount, destination.count <= byteCount - start else {
      throw failure(.fault, "bytes \(start) and \(destination.count) more were asked for; it has \(byteCount)")
    }
    do throws(CheckpointError) {
      guard let rows else { return try file.read(at: offset + UInt64(start), into: destination) }
      try rows.pieces(start..<start + destination.count) { (stored, target) throws(CheckpointError) in
        try file.read(
          at: offset + UInt64(stored.lowerBound),
          into: UnsafeMutableRawBufferPointer(rebasing: destination[target..<target + stored.count]))
      }
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// Tells the kernel that a range of the stored bytes will be wanted soon.
  package func willNeed(at start: Int, count: Int) {
    // Rows that lie here and there are read as they come.
    if rows == nil { file.willNeed(at: offset + UInt64(start), count: count) }
  }

  /// Gives back the memory of the stored bytes where they are mapped; they are read again when they are touched.
  package func release() {
    if rows == nil { file.release(at: offset, count: byteCount) }
  }

  /// Lends the stored bytes, mapped, for the length of a call; copied, where they are rows of a larger tensor.
  package func withBytes<R>(
    _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    do throws(CheckpointError) {
      guard rows == nil else {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer { copy.deallocate() }
        try read(into: copy)
        return try body(UnsafeRawBufferPointer(copy))
      }
      return try file.withBytes(at: offset, count: byteCount, body)
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// All weights decoded to `Float`, in stored order.
  ///
  /// Meant for small tensors (norms, biases); large ones are streamed row by row. The bytes are copied rather than mapped: a file that
  /// becomes shorter meanwhile is then an error and not a fault.
  ///
  /// - Parameter finite: whether values that are NaN or infinite are refused, and not only scales of blocks.
  /// - Returns: as many numbers as the shape has.
  /// - Throws: `unsupported` when the type has no codec, `malformed` for what is refused.
  package func readFloats(finite: Bool = false) throws(CheckpointError) -> [Float] {
    let codec = try type.requiredCodec()
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    defer { bytes.deallocate() }
    try read(into: bytes)
    if finite { try checkFinite(UnsafeRawBufferPointer(bytes)) } else { try checkScales(UnsafeRawBufferPointer(bytes)) }
    return [Float](unsafeUninitializedCapacity: shape.elementCount) { buffer, count in
      count = shape.elementCount
      codec.decode(UnsafeRawBufferPointer(bytes), into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }
  }

  /// An error placed at this tensor.
  package func failure(_ code: CheckpointError.Code, _ message: String) -> CheckpointError {
    CheckpointError(code, message, file: file.path, tensor: name, offset: offset)
  }
}
