import Base
import Quants

/// Decoding, encoding and searching per format, against copying memory.
///
/// Speeds count the bytes touched, read and written. Rows of 4096 weights pass through 64 MiB, so that memory and
/// not the cache is measured; encoders that search long are measured on fewer rows.
struct CodecBench {
  private let context: BenchContext
  private let memory = BenchMemory()

  init(context: BenchContext) {
    self.context = context
  }

  /// What a conversion makes of BF16 most often.
  private static let targets: [TensorType] = [.q8_0, .q4_0]

  /// Every name it reports, so that nothing is set up in vain.
  static let names =
    ["memcpy", "finite F32", "finite BF16"] + targets.map { "BF16 to \($0)" }
    + BenchWeights.types.flatMap { ["encode \($0)", "decode \($0)"] }

  func run(_ wants: (String) -> Bool, _ report: (BenchRow) -> Void) throws(CheckpointError) {
    let copied = BenchContext.best { memory.copy() }
    let copy = 2e-9 * Double(BenchMemory.byteCount) / copied
    func tell(_ name: String, _ bytes: Int, _ body: () -> Void) {
      guard wants(name) else { return }
      let speed = Double(bytes) / BenchContext.best(body) * 1e-9
      report(BenchRow(name, context, speed, "GB/s", of: ("memcpy", copy)))
    }
    if wants("memcpy") { report(BenchRow("memcpy", context, copy, "GB/s")) }
    for type in BenchWeights.types where wants("encode \(type)") || wants("decode \(type)") {
      let rows = try BenchFormat(type, context.kernels, memory)
      let some = rows.encodedInTime
      tell("encode \(type)", some * rows.touchedBytes) { for row in 0..<some { rows.encode(row) } }
      tell("decode \(type)", rows.count * rows.touchedBytes) { for row in 0..<rows.count { rows.decode(row) } }
    }
    // What a conversion does with a row: BF16 to floats that stay in the cache, and those to blocks.
    let halves = try BenchFormat(.bf16, context.kernels, memory, stored: memory.halves)
    for type in Self.targets where wants("BF16 to \(type)") {
      let target = try BenchFormat(type, context.kernels, memory)
      tell("BF16 to \(type)", target.count * (halves.rowBytes + target.rowBytes)) {
        for row in 0..<target.count {
          halves.decode(row, to: 0)
          target.encode(0, to: row)
        }
      }
    }
    tell("finite F32", BenchMemory.byteCount) { memory.findNonFinite(context.kernels, .f32) }
    tell("finite BF16", BenchMemory.byteCount / 2) { memory.findNonFinite(context.kernels, .bf16) }
  }
}

/// Rows of one format.
private struct BenchFormat {
  let codec: RowCodec
  let rowBytes: Int
  /// Rows that fit the memory.
  let count: Int
  private let memory: BenchMemory
  private let stored: UnsafeMutableRawBufferPointer
  private let weights: BenchWeights

  init(
    _ type: TensorType, _ kernels: Kernels, _ memory: BenchMemory, stored: UnsafeMutableRawBufferPointer? = nil
  ) throws(CheckpointError) {
    codec = try RowCodec(type, kernels: kernels)
    rowBytes = try type.byteCount(columns: BenchMemory.columns)
    count = min(BenchMemory.rows, BenchMemory.byteCount / rowBytes)
    self.memory = memory
    self.stored = UnsafeMutableRawBufferPointer(rebasing: (stored ?? memory.stored)[..<(count * rowBytes)])
    weights = BenchWeights(type, columns: BenchMemory.columns)
    weights.store(codec, columns: BenchMemory.columns, count: count, into: self.stored)
  }

  /// Bytes of a row as floats and as stored.
  var touchedBytes: Int { rowBytes + BenchMemory.columns * 4 }

  /// Rows that are encoded in about a tenth of a second, all if they can be.
  var encodedInTime: Int {
    let start = BenchContext.now()
    encode(0)
    return max(1, Int(min(Double(count), 0.1 / (BenchContext.now() - start))))
  }

  func encode(_ row: Int) { encode(row, to: row) }

  func encode(_ row: Int, to place: Int) {
    weights.encode(UnsafeBufferPointer(memory.row(row)), codec, into: part(place))
  }

  func decode(_ row: Int) { decode(row, to: row) }

  func decode(_ place: Int, to row: Int) { codec.decode(UnsafeRawBufferPointer(part(place)), into: memory.row(row)) }

  private func part(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: stored[index * rowBytes..<(index + 1) * rowBytes])
  }
}

/// Sixteen million weights and room for them in any format.
private final class BenchMemory {
  static let columns = 4096
  static let rows = 4096

  /// Bytes of the weights as floats.
  static let byteCount = rows * columns * 4

  private let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * columns)
  fileprivate let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
  fileprivate let halves = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount / 2, alignment: 64)

  init() {
    BenchWeights.fill(floats)
    stored.initializeMemory(as: UInt8.self, repeating: 1)
    halves.initializeMemory(as: UInt8.self, repeating: 1)
  }

  deinit {
    floats.deallocate()
    stored.deallocate()
    halves.deallocate()
  }

  func copy() { stored.copyMemory(from: UnsafeRawBufferPointer(floats)) }

  func findNonFinite(_ kernels: Kernels, _ type: TensorType) {
    _ = kernels.firstNonFinite(
      type, UnsafeRawBufferPointer(type == .f32 ? UnsafeMutableRawBufferPointer(floats) : halves))
  }

  fileprivate func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: floats[index * Self.columns..<(index + 1) * Self.columns])
  }
}
