import Base
import Engine
import Quants
import Libc

/// A level and the threads it is measured on.
struct BenchContext: Sendable {
  let kernels: Kernels
  let pool: WorkerPool

  /// Seconds on a clock that only goes forward.
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// The shortest of several runs in seconds: at least three, and for at least `budget` seconds in all.
  static func best(budget: Double = 0.25, _ body: () -> Void) -> Double {
    body()
    var shortest = Double.infinity
    var spent = 0.0
    var runs = 0
    while runs < 3 || spent < budget {
      let start = now()
      body()
      let seconds = now() - start
      shortest = min(shortest, seconds)
      spent += seconds
      runs += 1
    }
    return shortest
  }

  /// Multiply-adds on registers in GFLOP/s, a multiply-add counting as two, all threads together.
  func peak() -> Double {
    let engine = EngineKernels(kernels)
    let iterations = 200_000
    let items = pool.threads * 20
    let seconds = Self.best() {
      pool.run(count: items) { _, _ in
        // The result is a number only to keep the loop; this cannot happen.
        if engine.multiplyAddPeak(iterations: iterations).isNaN { fatalError("the peak loop went astray") }
      }
    }
    return 2 * Double(engine.peakWidth * iterations * items) / seconds * 1e-9
  }

  /// Reading memory in GB/s, all threads together.
  func reading(_ memory: ReadMemory) -> Double {
    let engine = EngineKernels(kernels)
    let piece = 1 << 20
    let seconds = Self.best {
      pool.run(count: (memory.byteCount + piece - 1) / piece) { item, _ in
        memory.withBytes(item * piece..<min(memory.byteCount, (item + 1) * piece)) {
          // They are zeros, which is looked at only to keep the loop.
          if engine.readPeak($0) != 0 { fatalError("zeros were read as something else") }
        }
      }
    }
    return Double(memory.byteCount) / seconds * 1e-9
  }
}

/// Zeros that are read to see how fast memory is.
final class ReadMemory: @unchecked Sendable {  // written before anyone else sees it, then only read
  /// So many that no cache holds them.
  static let beyondCaches = 512 << 20

  let byteCount: Int
  private let bytes: UnsafeRawBufferPointer

  /// On large pages where the system has some, so that memory is what is measured and not the translation of addresses.
  init(byteCount: Int) {
    self.byteCount = byteCount
    let memory = LargePages.allocate(byteCount: byteCount)
    // Pages that nobody has written are one page of zeros, which the cache would hold.
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    bytes = UnsafeRawBufferPointer(start: memory, count: byteCount)
  }

  deinit { bytes.deallocate() }

  /// Lends a part for the length of a call.
  fileprivate func withBytes(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
    defer { withExtendedLifetime(self) {} }
    body(UnsafeRawBufferPointer(rebasing: bytes[range]))
  }
}
