import Architectures
import Containers
import Quants
import Synchronization
import Base

/// Values on the way back from GGUF, and what number type holds them without loss.
enum Restoring {
  /// The values of a restored tensor: transforms undone, planes joined.
  ///
  /// `transforms` has, for each source of `plan`, the steps from Hugging Face's form to GGUF's.
  static func values(
    _ plan: PlannedTensor, _ transforms: [[TensorTransform]]
  ) throws(CheckpointError) -> [Float] {
    var planes: [[Float]] = []
    var width: Int?
    for (source, steps) in zip(plan.sources, transforms) {
      var values = try floats(of: source)
      for step in steps.reversed() {
        switch step {
        case .addOne, .negativeExponential:
          values = values.map {
            ValueSteps.preimage($0, of: step, in: plan.type.elementType ?? .f32) ?? nearest($0, step)
          }
        case .rows(let permutation), .columns(let permutation):
          values = TransformSteps.permuted(values, permutation.inverse)
        case .plane(let plane): width = plane.width
        }
      }
      planes.append(values)
    }
    return width.map { ValueSteps.join(planes, width: $0) } ?? planes[0]
  }

  /// All values of a small tensor.
  ///
  /// Copied rather than mapped: a file that becomes shorter meanwhile is then an error and not a fault.
  static func floats(of entry: TensorEntry) throws(CheckpointError) -> [Float] {
    let codec = try RowCodec(entry.type)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.byteCount, alignment: 64)
    defer { bytes.deallocate() }
    try entry.readBlocks(into: bytes)
    let count = entry.shape.elementCount
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      codec.decode(UnsafeRawBufferPointer(bytes), into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }

  /// The value closest to a preimage, for stored values that have none.
  static func nearest(_ stored: Float, _ transform: TensorTransform) -> Float {
    transform == .addOne ? stored - 1 : stored
  }

  /// Counts the values of a small tensor that no value of `type` is transformed into.
  static func withoutPreimage(
    _ values: [Float], _ transform: TensorTransform, in type: ElementType
  ) -> Int {
    values.reduce(0) { $0 + (ValueSteps.preimage($1, of: transform, in: type) == nil ? 1 : 0) }
  }

  /// Whether a number type holds every value of a tensor exactly.
  static func fits(
    _ entry: TensorEntry, in type: ElementType, threads: Int
  ) throws(CheckpointError) -> Bool {
    if entry.type.elementType == type || type == .f32 { return true }
    guard type == .bf16 || type == .f16 else { return false }
    let codec = try RowCodec(entry.type)
    let pieceBlocks = max(1, (1 << 20) / entry.type.blockBytes)
    let blocks = entry.byteCount / entry.type.blockBytes
    let failed = Atomic<Bool>(false)
    try parallelRows(count: blocks, threads: threads, grain: pieceBlocks) { (range) throws(CheckpointError) in
      if failed.load(ordering: .relaxed) { return }
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count * entry.type.blockBytes, alignment: 64)
      let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: range.count * entry.type.blockElements)
      defer {
        bytes.deallocate()
        values.deallocate()
      }
      try entry.readBlocks(into: bytes, at: range.lowerBound * entry.type.blockBytes)
      codec.decode(UnsafeRawBufferPointer(bytes), into: values)
      if !holds(UnsafeBufferPointer(values), type) { failed.store(true, ordering: .relaxed) }
    }
    return !failed.load(ordering: .relaxed)
  }

  /// Whether all values have a type's precision.
  private static func holds(_ values: UnsafeBufferPointer<Float>, _ type: ElementType) -> Bool {
    if type == .bf16 {
      var rest: UInt32 = 0
      for value in values { rest |= value.bitPattern & 0xFFFF }
      return rest == 0
    }
    return values.allSatisfy { ValueSteps.rounded($0, to: type).bitPattern == $0.bitPattern }
  }
}
