#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Memory whose last byte is the last of a readable page: a read or write past the end crashes the test.
package final class GuardedBuffer: @unchecked Sendable {  // a plain mapping; tests hand parts to one thread each
  /// The bytes; the page after them is out of bounds.
  package let bytes: UnsafeMutableRawBufferPointer
  private let mapping: UnsafeMutableRawPointer
  private let length: Int

  /// Maps `count` zero bytes before a page nobody may touch.
  package init(count: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let readable = max(1, (count + page - 1) / page) * page
    length = readable + page
    guard let mapping = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0), mapping != MAP_FAILED,
      mprotect(mapping + readable, page, PROT_NONE) == 0
    else { fatalError("no memory for a guarded buffer") }
    self.mapping = mapping
    bytes = UnsafeMutableRawBufferPointer(start: mapping + (readable - count), count: count)
  }

  /// Maps a copy of `values`.
  package convenience init<T: BitwiseCopyable>(_ values: [T]) {
    self.init(count: values.count * MemoryLayout<T>.stride)
    values.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }

  deinit { munmap(mapping, length) }

  /// The same memory as floats, as many as fit.
  package var floats: UnsafeMutableBufferPointer<Float> { bytes.bindMemory(to: Float.self) }

  /// The same memory, not to be written.
  package var readOnly: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }

  /// The same memory as floats not to be written.
  package var readOnlyFloats: UnsafeBufferPointer<Float> { UnsafeBufferPointer(floats) }
}

/// A small seeded generator, so that a failure can be repeated.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  /// Starts the sequence of a seed.
  package init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  }

  package mutating func next() -> UInt64 {
    // xorshift64*, Vigna 2016.
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  /// A float in -1..<1.
  package mutating func float() -> Float {
    Float(Int32(truncatingIfNeeded: next() >> 32)) * 0x1p-31
  }
}
