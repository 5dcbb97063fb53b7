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
  /// The tensor of scales, where `file` holds the words of blocks alone; nil for others.
  private let scales: BlockScales?

  /// Describes a tensor whose range has been validated.
  package init(name: String, type: TensorType, shape: Shape, file: InputFile, offset: UInt64, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.file = file
    self.offset = offset
    self.byteCount = byteCount
    rows = nil
    scales = nil
  }

  /// A tensor that is some rows of a stored matrix.
  private init(_ whole: TensorEntry, name: String, shape: Shape, rows: RowSelection) {
    self.name = name
    type = whole.type
    self.shape = shape
    file = whole.file
    offset = whole.offset
    byteCount = rows.byteCount
    self.rows = rows
    scales = whole.scales
  }

  /// A tensor of MXFP4 blocks whose words are one stored tensor, [..., blocks, 16], and whose scales are another, [..., blocks].
  ///
  /// - Throws: `mismatch` for shapes that do not belong together, `unsupported` for other types than bytes.
  package init(words: TensorEntry, scales: TensorEntry, name: String) throws(CheckpointError) {
    guard words.type == TensorType(elementType: .u8), scales.type == words.type, words.isPlain, scales.isPlain else {
      throw words.failure(.unsupported, "and its scales must be stored as U8")
    }
    let blocks = scales.shape.dimensions
    guard blocks.count > 1, scales.shape.elementCount > 0, words.shape.dimensions == blocks + [MXFP4Words.bytes],
      let last = blocks.last
    else {
      throw words.failure(.mismatch, "has shape \(words.shape); its scales have \(scales.shape)")
    }
    self.name = name
    type = TensorType(MXFP4.self)
    let (columns, overflow) = last.multipliedReportingOverflow(by: MXFP4.blockElements)
    guard !overflow else { throw words.failure(.malformed, "has more weights than can be counted") }
    shape = Shape(blocks.dropLast() + [columns])
    byteCount = try type.byteCount(shape: shape)
    file = words.file
    offset = words.offset
    rows = nil
    self.scales = BlockScales(file: scales.file, offset: scales.offset)
  }

  /// Whether its bytes lie together in a file as they are.
  package var isPlain: Bool { rows == nil && scales == nil }

  /// The same tensor under another name.
  package func named(_ name: String) -> TensorEntry {
    TensorEntry(self, name: name)
  }

  private init(_ other: TensorEntry, name: String) {
    self.name = name
    (type, shape, file, offset) = (other.type, other.shape, other.file, other.offset)
    (byteCount, rows, scales) = (other.byteCount, other.rows, other.scales)
  }

  /// One of `parts` whose rows take turns in this tensor, `length` rows of each, as a matrix.
  ///
  /// - Throws: `mismatch` for rows that are not whole turns, `unsupported` when the tensor is itself a selection.
  package func taking(part: Int, of parts: Int, length: Int) throws(CheckpointError) -> TensorEntry {
    let (height, columns) = (shape.rows, shape.columns)
    guard rows == nil, length > 0, height > 0 else {
      throw failure(.unsupported, "of this tensor no rows can be taken")
    }
    guard height % (parts * length) == 0 else {
      throw failure(.mismatch, "has \(height) rows; a multiple of \(parts * length) is wanted")
    }
    let selection = RowSelection(part: part, of: parts, length: length, height: height, rowBytes: byteCount / height)
    return TensorEntry(self, name: name, shape: Shape([height / parts, columns]), rows: selection)
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
    let selection = RowSelection(runs, rowBytes: byteCount / height)
    return TensorEntry(
      self, name: name, shape: Shape([selection.count] + shape.dimensions.dropFirst()), rows: selection)
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
      guard let rows else { return try readStored(into: destination, at: start) }
      let wanted = start..<start + destination.count
      if let span = rows.span(of: wanted, atMost: 2 * Self.spanBytes) {
        // Short pieces among others: reading these too is faster than asking for each.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: span.count, alignment: 64)
        defer { room.deallocate() }
        try readStored(into: room, at: span.lowerBound)
        return rows.pieces(wanted) { stored, target in
          let piece = room[stored.lowerBound - span.lowerBound..<stored.upperBound - span.lowerBound]
          UnsafeMutableRawBufferPointer(rebasing: destination[target..<target + stored.count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
        }
      }
      try rows.pieces(wanted) { (stored, target) throws(CheckpointError) in
        try readStored(
          into: UnsafeMutableRawBufferPointer(rebasing: destination[target..<target + stored.count]),
          at: stored.lowerBound)
      }
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// Bytes of rows that are read with those between them.
  private static let spanBytes = 4 << 20

  /// Reads from byte `start` of what is stored, of which the tensor may be some rows.
  private func readStored(into destination: UnsafeMutableRawBufferPointer, at start: Int) throws(CheckpointError) {
    guard let scales else { return try file.read(at: offset + UInt64(start), into: destination) }
    try scales.read(into: destination, at: start, words: file, from: offset)
  }

  /// Tells the kernel that a range of the stored bytes will be wanted soon.
  package func willNeed(at start: Int, count: Int) {
    // Rows that lie here and there are read as they come.
    if isPlain { file.willNeed(at: offset + UInt64(start), count: count) }
  }

  /// Gives back the memory of the stored bytes where they are mapped; they are read again when they are touched.
  package func release() {
    if isPlain { file.release(at: offset, count: byteCount) }
  }

  /// Lends the stored bytes, mapped, for the length of a call; copied, where they are rows of a larger tensor or kept in parts.
  package func withBytes<R>(
    _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    do throws(CheckpointError) {
      guard isPlain else {
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
