import Quants
import Synchronization
import Base

extension TensorEntry {
  /// Values compared at a time; a multiple of every block.
  private static let comparedValues = 1 << 18

  /// Whether another tensor holds the same numbers, however the two store them.
  ///
  /// Read in pieces up to the first difference, so that tables of any size take a few MiB. As in every comparison of
  /// numbers, zeros of both signs are equal.
  ///
  /// - Throws: `unsupported` when one of the types has no codec, `inputOutput` when reading fails.
  package func hasValues(of other: TensorEntry, threads: Int = Threads.available) throws(CheckpointError) -> Bool {
    guard shape == other.shape else { return false }
    let codecs = (try RowCodec(type), try RowCodec(other.type))
    let differs = Atomic<Bool>(false)
    try parallelRows(count: shape.elementCount, threads: threads, grain: Self.comparedValues) {
      (part) throws(CheckpointError) in
      if differs.load(ordering: .relaxed) { return }
      let (mine, others) = (try storedBytes(part), try other.storedBytes(part))
      if type == other.type, mine == others { return }
      if Self.decoded(mine, part.count, codecs.0) != Self.decoded(others, part.count, codecs.1) {
        differs.store(true, ordering: .relaxed)
      }
    }
    return !differs.load(ordering: .relaxed)
  }

  /// Whether a number type holds every value exactly.
  package func fits(_ wanted: ElementType, threads: Int) throws(CheckpointError) -> Bool {
    if type.elementType == wanted || wanted == .f32 { return true }
    guard wanted == .bf16 || wanted == .f16 else { return false }
    let codec = try RowCodec(type)
    let isLost = Atomic<Bool>(false)
    try parallelRows(count: shape.elementCount, threads: threads, grain: Self.comparedValues) {
      (part) throws(CheckpointError) in
      if isLost.load(ordering: .relaxed) { return }
      let values = Self.decoded(try storedBytes(part), part.count, codec)
      let isWhole = values.allSatisfy { HalfPrecision.rounded($0, to: wanted).bitPattern == $0.bitPattern }
      if !isWhole { isLost.store(true, ordering: .relaxed) }
    }
    return !isLost.load(ordering: .relaxed)
  }

  /// The stored bytes of a range of values that begins and ends with a block.
  private func storedBytes(_ values: Range<Int>) throws(CheckpointError) -> [UInt8] {
    let count = values.count / type.blockElements * type.blockBytes
    var failure: CheckpointError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(CheckpointError) {
        try read(
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]),
          at: values.lowerBound / type.blockElements * type.blockBytes)
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  private static func decoded(_ bytes: [UInt8], _ count: Int, _ codec: RowCodec) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      bytes.withUnsafeBytes { codec.decode($0, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count])) }
      initialized = count
    }
  }
}
