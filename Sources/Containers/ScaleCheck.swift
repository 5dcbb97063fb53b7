import Quants
import Tensors

/// Finds block scales that are NaN or infinite: such a block would poison every product it takes part in.
package enum ScaleCheck {
  /// Where the floating-point scales of one block lie, by format name.
  private struct Place: Sendable {
    let blockBytes: Int
    let offsets: [Int]
  }

  /// Half-precision scales; formats with scales of other kinds (IQ1_M, MXFP4, NVFP4) are not listed.
  private static let places: [String: Place] = [
    "Q4_0": Place(blockBytes: 18, offsets: [0]),
    "Q4_1": Place(blockBytes: 20, offsets: [0, 2]),
    "Q5_0": Place(blockBytes: 22, offsets: [0]),
    "Q5_1": Place(blockBytes: 24, offsets: [0, 2]),
    "Q8_0": Place(blockBytes: 34, offsets: [0]),
    "Q2_K": Place(blockBytes: 84, offsets: [80, 82]),
    "Q3_K": Place(blockBytes: 110, offsets: [108]),
    "Q4_K": Place(blockBytes: 144, offsets: [0, 2]),
    "Q5_K": Place(blockBytes: 176, offsets: [0, 2]),
    "Q6_K": Place(blockBytes: 210, offsets: [208]),
    "IQ2_XXS": Place(blockBytes: 66, offsets: [0]),
    "IQ2_XS": Place(blockBytes: 74, offsets: [0]),
    "IQ2_S": Place(blockBytes: 82, offsets: [0]),
    "IQ3_XXS": Place(blockBytes: 98, offsets: [0]),
    "IQ3_S": Place(blockBytes: 110, offsets: [0]),
    "IQ1_S": Place(blockBytes: 50, offsets: [0]),
    "IQ4_NL": Place(blockBytes: 18, offsets: [0]),
    "IQ4_XS": Place(blockBytes: 136, offsets: [0]),
    "TQ1_0": Place(blockBytes: 54, offsets: [52]),
    "TQ2_0": Place(blockBytes: 66, offsets: [64]),
  ]

  /// The first block of `bytes` with a scale that is NaN or infinite.
  ///
  /// - Parameters:
  ///   - type: the stored type.
  ///   - bytes: whole blocks of it.
  /// - Returns: the block's index, or `nil` when all scales are finite or the type has none that can fail.
  package static func firstBadBlock(of type: TensorType, in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let place = places[type.name], place.blockBytes == type.blockBytes else { return nil }
    let blocks = bytes.count / place.blockBytes
    for offset in place.offsets {
      var at = offset
      for block in 0..<blocks {
        // All exponent bits set: an infinity or a NaN.
        if bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self).littleEndian & 0x7C00 == 0x7C00 { return block }
        at += place.blockBytes
      }
    }
    return nil
  }
}

extension TensorEntry {
  /// Refuses stored blocks whose scale is NaN or infinite.
  ///
  /// - Parameters:
  ///   - bytes: whole blocks of this tensor.
  ///   - firstBlock: the index in the tensor of the first of them.
  /// - Throws: `malformed` with the tensor, the block's index and its byte offset.
  package func checkScales(_ bytes: UnsafeRawBufferPointer, firstBlock: Int = 0) throws(CheckpointError) {
    guard let block = ScaleCheck.firstBadBlock(of: type, in: bytes) else { return }
    let index = firstBlock + block
    throw CheckpointError(
      .malformed, "the scale of \(type.name) block \(index) is not a finite number", file: file.path, tensor: name,
      offset: offset + UInt64(index) * UInt64(type.blockBytes))
  }
}
