import Containers
import Quants
import Synchronization
import Base

extension TensorEntry {
  /// Whether a number type holds every value of a tensor exactly.
  func fits(_ type: ElementType, threads: Int) throws(CheckpointError) -> Bool {
    if self.type.elementType == type || type == .f32 { return true }
    guard type == .bf16 || type == .f16 else { return false }
    let codec = try RowCodec(self.type)
    let pieceBlocks = max(1, (1 << 20) / self.type.blockBytes)
    let blocks = byteCount / self.type.blockBytes
    let failed = Atomic<Bool>(false)
    try parallelRows(count: blocks, threads: threads, grain: pieceBlocks) { (range) throws(CheckpointError) in
      if failed.load(ordering: .relaxed) { return }
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count * self.type.blockBytes, alignment: 64)
      let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: range.count * self.type.blockElements)
      defer {
        bytes.deallocate()
        values.deallocate()
      }
      try readBlocks(into: bytes, at: range.lowerBound * self.type.blockBytes)
      codec.decode(UnsafeRawBufferPointer(bytes), into: values)
      if !holds(UnsafeBufferPointer(values), type) { failed.store(true, ordering: .relaxed) }
    }
    return !failed.load(ordering: .relaxed)
  }

  /// Whether all values have a type's precision.
  private func holds(_ values: UnsafeBufferPointer<Float>, _ type: ElementType) -> Bool {
    if type == .bf16 {
      var rest: UInt32 = 0
      for value in values { rest |= value.bitPattern & 0xFFFF }
      return rest == 0
    }
    return values.allSatisfy { HalfPrecision.rounded($0, to: type).bitPattern == $0.bitPattern }
  }
}
