import Base
import Engine
import Quants

/// Decoding, encoding and searching per format, against copying memory.
///
/// Speeds count the bytes touched, read and written. Rows of 4096 weights pass through 64 MiB, so that memory and
/// not the cache is measured.
struct CodecBench {
  private let context: BenchContext
  private let memory = BenchMemory()

  init(context: BenchContext) {
    self.context = context
  }

  /// Every name it reports, so that nothing is set up in vain.
  static let names =
    ["memcpy", "BF16 to Q8_0", "BF16 to Q4_0", "finite F32", "finite BF16"]
    + KernelFormat.allCases.flatMap { ["encode \($0.type)", "decode \($0.type)"] }

  func run(_ wants: (String) -> Bool, _ report: (BenchRow) -> Void) throws(CheckpointError) {
    let copied = BenchContext.best { memory.copy() }
    let copy = 2e-9 * Double(BenchMemory.byteCount) / copied
    func tell(_ name: String, _ bytes: Int, _ body: () -> Void) {
      guard wants(name) else { return }
      let speed = Double(bytes) / BenchContext.best(body) * 1e-9
      report(BenchRow(name, context, speed, "GB/s", of: ("memcpy", copy)))
    }
    if wants("memcpy") { report(BenchRow("memcpy", context, copy, "GB/s")) }
    for format in KernelFormat.allCases {
      let rowBytes = try format.type.byteCount(columns: BenchMemory.columns)
      let bytes = BenchMemory.rows * (rowBytes + BenchMemory.columns * 4)
      let encode = {
        for row in 0..<BenchMemory.rows { memory.encode(context.kernels, format, row: row, rowBytes) }
      }
      encode()
      tell("encode \(format.type)", bytes, encode)
      tell("decode \(format.type)", bytes) {
        for row in 0..<BenchMemory.rows { memory.decode(context.kernels, format, row: row, rowBytes) }
      }
    }
    // What a conversion does with a row: BF16 to floats that stay in the cache, and those to blocks.
    let source = BenchMemory.columns * 2
    for row in 0..<BenchMemory.rows { memory.encodeHalves(context.kernels, row: row) }
    for target in [KernelFormat.q8_0, .q4_0] {
      let rowBytes = try target.type.byteCount(columns: BenchMemory.columns)
      tell("BF16 to \(target.type)", BenchMemory.rows * (source + rowBytes)) {
        for row in 0..<BenchMemory.rows {
          memory.convertHalves(context.kernels, to: target, row: row, rowBytes)
        }
      }
    }
    tell("finite F32", BenchMemory.byteCount) { memory.findNonFinite(context.kernels, .f32) }
    tell("finite BF16", BenchMemory.byteCount / 2) { memory.findNonFinite(context.kernels, .bf16) }
  }
}

/// Sixteen million weights and room for them in any format.
private final class BenchMemory {
  static let columns = 4096
  static let rows = 4096

  /// Bytes of the weights as floats.
  static let byteCount = rows * columns * 4

  private let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * columns)
  private let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
  private let allHalves = UnsafeMutableRawBufferPointer.allocate(byteCount: rows * columns * 2, alignment: 64)

  init() {
    var state: UInt32 = 1
    for index in floats.indices {
      state = state &* 1_664_525 &+ 1_013_904_223
      floats[index] = Float(Int32(bitPattern: state)) * 0x1p-36
    }
    stored.initializeMemory(as: UInt8.self, repeating: 1)
    allHalves.initializeMemory(as: UInt8.self, repeating: 1)
  }

  deinit {
    floats.deallocate()
    stored.deallocate()
    allHalves.deallocate()
  }

  func copy() { stored.copyMemory(from: UnsafeRawBufferPointer(floats)) }

  func encode(_ kernels: Kernels, _ format: KernelFormat, row index: Int, _ rowBytes: Int) {
    kernels.encode(format, row(index), into: storedRow(index, rowBytes))
  }

  func decode(_ kernels: Kernels, _ format: KernelFormat, row index: Int, _ rowBytes: Int) {
    kernels.decode(format, UnsafeRawBufferPointer(storedRow(index, rowBytes)), into: mutableRow(index))
  }

  func encodeHalves(_ kernels: Kernels, row index: Int) { kernels.encode(.bf16, row(index), into: halves(index)) }

  func convertHalves(_ kernels: Kernels, to format: KernelFormat, row index: Int, _ rowBytes: Int) {
    kernels.decode(.bf16, UnsafeRawBufferPointer(halves(index)), into: mutableRow(0))
    kernels.encode(format, row(0), into: storedRow(index, rowBytes))
  }

  func findNonFinite(_ kernels: Kernels, _ type: TensorType) {
    _ = kernels.firstNonFinite(
      type, type == .f32 ? UnsafeRawBufferPointer(floats) : UnsafeRawBufferPointer(allHalves))
  }

  // Below, addresses: for the calls above only.

  private func mutableRow(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: floats[index * Self.columns..<(index + 1) * Self.columns])
  }

  private func row(_ index: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(mutableRow(index)) }

  private func storedRow(_ index: Int, _ rowBytes: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: stored[index * rowBytes..<(index + 1) * rowBytes])
  }

  private func halves(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: allHalves[index * Self.columns * 2..<(index + 1) * Self.columns * 2])
  }
}
