import Quants
import Tensors

/// A matrix of weights as stored: rows of whole blocks, one after another.
///
/// A row is the weights of one output, so y = x W^T has as many outputs as W has rows.
package struct WeightMatrix: @unchecked Sendable {  // the bytes are only read, and `owner` keeps them
  /// Outputs.
  package let rows: Int
  /// Inputs; weights in a row.
  package let columns: Int
  /// How a row is stored.
  package let codec: RowCodec
  /// Bytes of a row.
  package let rowBytes: Int
  /// All rows.
  package let bytes: UnsafeRawBufferPointer
  private let owner: (any AnyObject & Sendable)?

  /// The format of the weights.
  package var type: TensorType { codec.type }

  /// Describes stored weights.
  ///
  /// - Parameters:
  ///   - rows: outputs.
  ///   - columns: inputs.
  ///   - type: how a row is stored.
  ///   - bytes: exactly the rows.
  ///   - owner: what keeps `bytes` readable.
  ///   - kernels: the level that decodes them.
  /// - Throws: `unsupported` for a format without a codec, `malformed` when sizes disagree.
  package init(
    rows: Int, columns: Int, type: TensorType, bytes: UnsafeRawBufferPointer, owner: (any AnyObject & Sendable)?,
    kernels: Kernels = .best
  ) throws(CheckpointError) {
    let needed = try type.byteCount(shape: Shape([rows, columns]))
    guard bytes.count == needed else {
      throw CheckpointError(
        .malformed, "a \(type) matrix of \(rows) x \(columns) takes \(needed) bytes, here are \(bytes.count)")
    }
    codec = try RowCodec(type, kernels: kernels)
    rowBytes = try type.byteCount(columns: columns)
    self.rows = rows
    self.columns = columns
    self.bytes = bytes
    self.owner = owner
  }

  /// Copies weights into memory of its own.
  ///
  /// - Throws: `unsupported` for a format without a codec, `malformed` when sizes disagree.
  package init(rows: Int, columns: Int, type: TensorType, copying bytes: [UInt8], kernels: Kernels = .best)
    throws(CheckpointError)
  {
    let copy = OwnedBytes(bytes)
    try self.init(rows: rows, columns: columns, type: type, bytes: copy.bytes, owner: copy, kernels: kernels)
  }

  /// Some rows of another matrix, over the same bytes.
  init(_ whole: WeightMatrix, rows range: Range<Int>) {
    rows = range.count
    columns = whole.columns
    codec = whole.codec
    rowBytes = whole.rowBytes
    bytes = UnsafeRawBufferPointer(
      rebasing: whole.bytes[range.lowerBound * rowBytes..<range.upperBound * rowBytes])
    owner = whole.owner
  }

  /// Decodes one row, for example the embedding of a token.
  package func decode(row: Int, into values: UnsafeMutableBufferPointer<Float>) {
    precondition(row >= 0 && row < rows, "the matrix has \(rows) rows")
    codec.decode(
      UnsafeRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes]), into: values)
  }

  /// The stored bytes of `count` weights of a row from weight `first` on; both are whole blocks.
  func stored(row: Int, first: Int, count: Int) -> UnsafeRawBufferPointer {
    let start = row * rowBytes + first / type.blockElements * type.blockBytes
    let end = start + count / type.blockElements * type.blockBytes
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }
}

/// Bytes that live as long as the object.
private final class OwnedBytes: @unchecked Sendable {  // written once, before anyone else sees it
  let bytes: UnsafeRawBufferPointer

  init(_ source: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
    copy.copyBytes(from: source)
    bytes = UnsafeRawBufferPointer(copy)
  }

  deinit { bytes.deallocate() }
}
