import Base

/// Decodes and encodes rows of one format: by the level's kernel where there is one, by the format itself otherwise.
///
/// Both give the same bits, so only speed depends on the level.
package struct RowCodec: Sendable {
  /// The format of the stored rows.
  package let type: TensorType
  /// The level whose kernels are used.
  package let kernels: Kernels
  private let codec: any QuantCodec.Type
  private let native: FormatKernels?

  /// Prepares the codec of a format.
  ///
  /// - Throws: `unsupported` when quern cannot decode the format.
  package init(_ type: TensorType, kernels: Kernels = .best) throws(CheckpointError) {
    self.type = type
    self.kernels = kernels
    codec = try type.requiredCodec()
    native = kernels[type]
  }

  /// Expands whole blocks into weights.
  ///
  /// - Parameters:
  ///   - source: whole blocks.
  ///   - row: room for all their weights.
  package func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let count = source.count / type.blockBytes * type.blockElements
    precondition(count <= row.count, "the row must hold every decoded weight")
    guard let from = source.baseAddress, let to = row.baseAddress, count > 0 else { return }
    if native?.decode(from, to, count: count) != true { codec.decode(source, into: row) }
  }

  /// Packs one row of weights into blocks.
  ///
  /// - Parameters:
  ///   - row: one whole row of a tensor; the weighted rules look at all of it.
  ///   - importance: one factor a weight, or nil for the plain rule.
  ///   - blocks: room for all blocks.
  package func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>? = nil,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let count = row.count / type.blockElements
    precondition(count * type.blockBytes <= blocks.count, "the blocks must hold every weight")
    precondition(importance.map { $0.count >= row.count } ?? true, "every weight has an importance")
    guard let from = row.baseAddress, let to = blocks.baseAddress, count > 0 else { return }
    if native?.encode(from, importance?.baseAddress, to, count: count * type.blockElements) != true {
      codec.encode(row, importance: importance, into: blocks)
    }
  }
}
