/// MXFP4 as GPT-OSS's checkpoints keep it: sixteen bytes a block in one tensor, its scale in another.
///
/// ```
/// words   0        1        ...  15
///         q1:q0    q3:q2    ...  q31:q30     (high nibble : low nibble)
/// ```
///
/// Blocks of GGUF hold the same nibbles in another order, so that nothing is lost either way.
package enum MXFP4Words {
  /// Bytes of a block's words.
  package static let bytes = 16

  /// Blocks as GGUF has them, of words and scales.
  ///
  /// - Precondition: sixteen words and seventeen bytes of room for each scale.
  package static func join(
    _ words: UnsafeRawBufferPointer, scales: UnsafeRawBufferPointer, into blocks: UnsafeMutableRawBufferPointer
  ) {
    precondition(words.count == scales.count * bytes && blocks.count == scales.count * MXFP4.blockBytes)
    for block in 0..<scales.count {
      let (from, to) = (block * bytes, block * MXFP4.blockBytes)
      blocks[to] = scales[block]
      for j in 0..<8 {
        // Values 2j and 2j + 1, and those sixteen places on.
        let (low, high) = (words[from + j], words[from + j + 8])
        blocks[to + 1 + 2 * j] = low & 15 | high << 4
        blocks[to + 2 + 2 * j] = low >> 4 | high & 0xF0
      }
    }
  }

  /// The words of blocks as GGUF has them.
  ///
  /// - Precondition: sixteen bytes of room for each block.
  package static func words(of blocks: UnsafeRawBufferPointer, into words: UnsafeMutableRawBufferPointer) {
    precondition(words.count / bytes * MXFP4.blockBytes == blocks.count)
    for block in 0..<words.count / bytes {
      let (from, to) = (block * MXFP4.blockBytes + 1, block * bytes)
      for j in 0..<8 {
        let (even, odd) = (blocks[from + 2 * j], blocks[from + 2 * j + 1])
        words[to + j] = even & 15 | odd << 4
        words[to + j + 8] = even >> 4 | odd & 0xF0
      }
    }
  }

  /// The scales of blocks as GGUF has them.
  ///
  /// - Precondition: a byte of room for each block.
  package static func scales(of blocks: UnsafeRawBufferPointer, into scales: UnsafeMutableRawBufferPointer) {
    precondition(scales.count * MXFP4.blockBytes == blocks.count)
    for block in 0..<scales.count { scales[block] = blocks[block * MXFP4.blockBytes] }
  }
}
