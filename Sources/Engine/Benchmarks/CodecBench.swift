import Quants
import Tensors

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
    let copied = BenchContext.best { memory.stored.copyMemory(from: UnsafeRawBufferPointer(memory.floats)) }
    let copy = 2e-9 * Double(memory.stored.count) / copied
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
        for row in 0..<BenchMemory.rows {
          context.kernels.encode(format, memory.row(row), into: memory.stored(row, rowBytes))
        }
      }
      encode()
      tell("encode \(format.type)", bytes, encode)
      tell("decode \(format.type)", bytes) {
        for row in 0..<BenchMemory.rows {
          context.kernels.decode(
            format, UnsafeRawBufferPointer(memory.stored(row, rowBytes)), into: memory.mutableRow(row))
        }
      }
    }
    // What a conversion does with a row: BF16 to floats that stay in the cache, and those to blocks.
    let source = BenchMemory.columns * 2
    for row in 0..<BenchMemory.rows {
      context.kernels.encode(.bf16, memory.row(row), into: memory.halves(row))
    }
    for target in [KernelFormat.q8_0, .q4_0] {
      let rowBytes = try target.type.byteCount(columns: BenchMemory.columns)
      tell("BF16 to \(target.type)", BenchMemory.rows * (source + rowBytes)) {
        for row in 0..<BenchMemory.rows {
          context.kernels.decode(.bf16, UnsafeRawBufferPointer(memory.halves(row)), into: memory.mutableRow(0))
          context.kernels.encode(target, memory.row(0), into: memory.stored(row, rowBytes))
        }
      }
    }
    let floats = UnsafeRawBufferPointer(memory.floats)
    tell("finite F32", floats.count) { _ = context.kernels.firstNonFinite(.f32, floats) }
    let halves = UnsafeRawBufferPointer(memory.allHalves)
    tell("finite BF16", halves.count) { _ = context.kernels.firstNonFinite(.bf16, halves) }
  }
}

/// Sixteen million weights and room for them in any format.
private final class BenchMemory {
  static let columns = 4096
  static let rows = 4096

  let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * columns)
  let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: rows * columns * 4, alignment: 64)
  let allHalves = UnsafeMutableRawBufferPointer.allocate(byteCount: rows * columns * 2, alignment: 64)

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

  func mutableRow(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: floats[index * Self.columns..<(index + 1) * Self.columns])
  }

  func row(_ index: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(mutableRow(index)) }

  func stored(_ index: Int, _ rowBytes: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: stored[index * rowBytes..<(index + 1) * rowBytes])
  }

  func halves(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: allHalves[index * Self.columns * 2..<(index + 1) * Self.columns * 2])
  }
}
