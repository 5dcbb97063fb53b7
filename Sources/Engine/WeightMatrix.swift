import Quants
import Base

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
  /// Where columns lie in a stored row, when they are multiplied in another order.
  package let order: BlockPermutation?
  /// All rows; readable for as long as `owner` lives, so that nothing outside this file sees them but inside a call.
  private let bytes: UnsafeRawBufferPointer
  private let owner: any AnyObject & Sendable

  /// What the weights are called in GGUF, whatever file they lie in; empty for those of no model.
  package var name = ""
  /// Rows of the named matrix that lie before these: which expert of a stack, which part of a vocabulary.
  package private(set) var firstRow = 0

  /// The format of the weights.
  package var type: TensorType { codec.type }

  /// Describes weights in memory that `owner` keeps readable; see ``init(rows:columns:type:in:at:byteCount:kernels:)``.
  package init(
    rows: Int, columns: Int, type: TensorType, bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable,
    order: BlockPermutation? = nil, kernels: Kernels
  ) throws(CheckpointError) {
    guard order == nil || type.blockElements == 1 else {
      throw CheckpointError(.unsupported, "columns of \(type) cannot change places")
    }
    let needed = try type.byteCount(shape: Shape([rows, columns]))
    guard bytes.count == needed else {
      throw CheckpointError(
        .malformed, "a \(type) matrix of \(rows) x \(columns) takes \(needed) bytes, here are \(bytes.count)")
    }
    codec = try RowCodec(type, kernels: kernels)
    rowBytes = try type.byteCount(columns: columns)
    self.rows = rows
    self.columns = columns
    self.order = order
    self.bytes = bytes
    self.owner = owner
  }

  /// Weights that stay in a file, which is mapped and kept.
  ///
  /// - Parameters:
  ///   - rows: outputs.
  ///   - columns: inputs.
  ///   - type: how a row is stored.
  ///   - file: where they lie.
  ///   - offset: the first byte.
  ///   - byteCount: bytes in all.
  ///   - order: where columns lie in a stored row, when they are multiplied in another order; for numbers, not for blocks.
  ///   - kernels: the level that decodes them.
  /// - Throws: `unsupported` for a format without a codec, `malformed` when sizes disagree or the file ends first.
  package init(
    rows: Int, columns: Int, type: TensorType, in file: InputFile, at offset: UInt64, byteCount: Int,
    order: BlockPermutation? = nil, kernels: Kernels = .best
  ) throws(CheckpointError) {
    // The mapping lives as long as the file, and the file as long as this value.
    let bytes = try file.withBytes(at: offset, count: byteCount) { $0 }
    try self.init(rows: rows, columns: columns, type: type, bytes: bytes, owner: file, order: order, kernels: kernels)
  }

  /// Copies weights into memory of its own.
  ///
  /// - Throws: `unsupported` for a format without a codec, `malformed` when sizes disagree.
  package init(
    rows: Int, columns: Int, type: TensorType, copying bytes: [UInt8],
    order: BlockPermutation? = nil, kernels: Kernels = .best
  ) throws(CheckpointError) {
    let copy = OwnedBytes(bytes)
    try self.init(
      rows: rows, columns: columns, type: type, bytes: copy.bytes, owner: copy, order: order, kernels: kernels)
  }

  /// Some rows as a matrix of their own, over the same bytes.
  package func rows(_ range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return range == 0..<rows ? self : WeightMatrix(self, rows: range)
  }

  /// The same weights as some rows of a larger matrix: an expert of a stack, whatever a file keeps together.
  package func named(_ name: String, firstRow: Int) -> WeightMatrix {
    var copy = self
    (copy.name, copy.firstRow) = (name, firstRow)
    return copy
  }

  private init(_ whole: WeightMatrix, rows range: Range<Int>) {
    rows = range.count
    columns = whole.columns
    codec = whole.codec
    rowBytes = whole.rowBytes
    order = whole.order
    name = whole.name
    firstRow = whole.firstRow + range.lowerBound
    bytes = UnsafeRawBufferPointer(
      rebasing: whole.bytes[range.lowerBound * rowBytes..<range.upperBound * rowBytes])
    owner = whole.owner
  }

  /// Bytes of all rows.
  package var byteCount: Int { bytes.count }

  /// Decodes one row, for example the embedding of a token.
  package func decode(row: Int, into values: UnsafeMutableBufferPointer<Float>) {
    decode(row: row, first: 0, count: columns, into: values)
  }

  /// Decodes `count` weights of a row from weight `first` on, in the order in which they are multiplied.
  func decode(row: Int, first: Int, count: Int, into values: UnsafeMutableBufferPointer<Float>) {
    precondition(row >= 0 && row < rows, "the matrix has \(rows) rows")
    guard let order else {
      return withStored(row: row, first: first, count: count) { codec.decode($0, into: values) }
    }
    order.pieces(of: first..<first + count) { source, count, place in
      withStored(row: row, first: source, count: count) {
        codec.decode($0, into: UnsafeMutableBufferPointer(rebasing: values[place..<place + count]))
      }
    }
  }

  /// The rows of tokens, decoded: [T, columns].
  ///
  /// - Throws: `mismatch` for an id that is not a row.
  package func gather(_ tokens: [Int32]) throws(CheckpointError) -> Activations {
    let result = Activations(rows: tokens.count, columns: columns)
    for (place, token) in tokens.enumerated() {
      guard let row = Int(exactly: token), row >= 0, row < rows else {
        throw CheckpointError(.mismatch, "token \(token) is outside the model's vocabulary of \(rows)")
      }
      result.withElements { all in
        decode(row: row, into: UnsafeMutableBufferPointer(rebasing: all[place * columns..<(place + 1) * columns]))
      }
    }
    return result
  }

  /// Copies `count` weights of each of some rows, from weight `first` on, as they are stored and in the order in which they are
  /// multiplied.
  ///
  /// - Precondition: there is room for `rows.count` times `count` weights; the matrix has an order of its own.
  func gather(rows range: Range<Int>, first: Int, count: Int, into room: UnsafeMutableRawPointer) {
    let size = type.blockBytes
    for (index, row) in range.enumerated() {
      order?.pieces(of: first..<first + count) { source, length, place in
        withStored(row: row, first: source, count: length) { stored in
          guard let stored = stored.baseAddress else { return }
          (room + (index * count + place) * size).copyMemory(from: stored, byteCount: length * size)
        }
      }
    }
  }

  /// Lends the stored bytes of `count` weights of a row from weight `first` on; both are whole blocks.
  ///
  /// The bytes of further rows follow at `rowBytes` from each other. They lie in stored order.
  @inline(__always)
  func withStored<Result>(row: Int, first: Int, count: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let start = row * rowBytes + first / type.blockElements * type.blockBytes
    let end = start + count / type.blockElements * type.blockBytes
    defer { withExtendedLifetime(owner) {} }
    return body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
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
