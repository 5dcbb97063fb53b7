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
  private let format: KernelFormat?
  private let block: BlockKernel?

  /// Prepares the codec of a format.
  ///
  /// - Throws: `unsupported` when quern cannot decode the format.
  package init(_ type: TensorType, kernels: Kernels = .best) throws(CheckpointError) {
    self.type = type
    self.kernels = kernels
    codec = try type.requiredCodec()
    format = KernelFormat(type)
    block = kernels.block(type)
  }

  /// Expands whole blocks into weights.
  ///
  /// - Parameters:
  ///   - source: whole blocks.
  ///   - row: room for all their weights.
  package func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    if let format {
      kernels.decode(format, source, into: row)
    } else if let block {
      block.decode(source, into: row)
    } else {
      codec.decode(source, into: row)
    }
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
    if let format, importance == nil || !format.usesImportance {
      kernels.encode(format, row, into: blocks)
    } else if let block, block.encodes {
      block.encode(row, importance: importance, into: blocks)
    } else {
      codec.encode(row, importance: importance, into: blocks)
    }
  }
}
