import Quants
import Base

/// Finds block scales that are NaN or infinite: such a block would poison every product it takes part in.
package enum ScaleCheck {
  /// The first block of `bytes` with a scale that is NaN or infinite.
  ///
  /// - Parameters:
  ///   - type: the stored type.
  ///   - bytes: whole blocks of it.
  /// - Returns: the block's index, or `nil` when all scales are finite or the type has none that can fail.
  package static func firstBadBlock(of type: TensorType, in bytes: UnsafeRawBufferPointer) -> Int? {
    let size = type.blockBytes
    switch type.scalePlaces {
    case .none: return nil
    case .halves(let place, let other):
      return [place, other ?? place].compactMap { place in
        first(in: bytes, size) { isNoNumber(half: half(bytes, $0 + place)) }
      }.min()
    case .quarters(let place):
      return first(in: bytes, size) { start in
        let (low, high) = (half(bytes, start + place + 4), half(bytes, start + place + 6))
        // The exponent: all but its lowest two bits in the last word, those at the top of the one before.
        return isNoNumber(half: low >> 4 & 0x0F00 | high & 0xF000)
      }
    case .single(let place):
      return first(in: bytes, size) { start in
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + place, as: UInt32.self))
        return bits & 0x7F80_0000 == 0x7F80_0000
      }
    }
  }

  /// Whether a value that is not finite is a NaN.
  static func isNaN(_ element: ElementType, _ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
    switch element {
    case .f16: half(bytes, index * 2) & 0x3FF != 0
    case .bf16: half(bytes, index * 2) & 0x7F != 0
    case .f32: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self) & 0x7F_FFFF != 0
    default: bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self).isNaN
    }
  }

  /// The index of the first block of which `test`, asked with its first byte, says yes.
  @inline(__always)
  private static func first(in bytes: UnsafeRawBufferPointer, _ size: Int, _ test: (Int) -> Bool) -> Int? {
    var start = 0
    for block in 0..<bytes.count / size {
      if test(start) { return block }
      start += size
    }
    return nil
  }

  @inline(__always)
  private static func half(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt16 {
    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self))
  }

  /// All exponent bits set: an infinity or a NaN.
  @inline(__always)
  private static func isNoNumber(half bits: UInt16) -> Bool { bits & 0x7C00 == 0x7C00 }
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

  /// Refuses stored values that are NaN or infinite, and blocks whose scale is.
  ///
  /// - Parameters:
  ///   - bytes: whole blocks of this tensor; a value that stands alone is a block.
  ///   - firstBlock: the index in the tensor of the first of them.
  /// - Throws: `malformed` with the tensor, the index and the byte offset of the first one.
  package func checkFinite(_ bytes: UnsafeRawBufferPointer, firstBlock: Int = 0) throws(CheckpointError) {
    guard let element = type.elementType else { return try checkScales(bytes, firstBlock: firstBlock) }
    guard let place = Self.firstNonFinite(element, type, bytes) else { return }
    let index = firstBlock + place
    let isNaN = ScaleCheck.isNaN(element, bytes, place)
    throw CheckpointError(
      .malformed, "value \(index) is \(isNaN ? "not a number (NaN)" : "infinite"), so the weights are damaged",
      file: file.path, tensor: name, offset: offset + UInt64(index) * UInt64(type.blockBytes))
  }

  private static func firstNonFinite(
    _ element: ElementType, _ type: TensorType, _ bytes: UnsafeRawBufferPointer
  ) -> Int? {
    guard element == .f64 else { return Kernels.best.firstNonFinite(type, bytes) }
    return (0..<bytes.count / 8).first { !bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self).isFinite }
  }

  /// Copies whole blocks, from byte `start` of the tensor on, and refuses values and scales that are NaN or infinite.
  ///
  /// - Precondition: `start` and the buffer's length are multiples of the type's `blockBytes`.
  package func readBlocks(
    into destination: UnsafeMutableRawBufferPointer, at start: Int = 0
  ) throws(CheckpointError) {
    try read(into: destination, at: start)
    try checkFinite(UnsafeRawBufferPointer(destination), firstBlock: start / type.blockBytes)
  }
}
