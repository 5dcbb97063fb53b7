#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Memory that is streamed through again and again, where every page costs a translation.
package enum LargePages {
  private static let size = 2 << 20

  /// Uninitialized memory, on large pages as far as it fills them and the system has some; `deallocate()` returns it.
  package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= size else { return .allocate(byteCount: byteCount, alignment: 64) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: size)
    #if os(Linux)
      // Advice only: refused, the memory is as good as any.
      _ = madvise(memory, byteCount / size * size, MADV_HUGEPAGE)
    #endif
    return memory
  }
}
