/// Memory an encoder works in while it packs one block; freed with the value.
struct Scratch<Element: BitwiseCopyable>: ~Copyable {
  let buffer: UnsafeMutableBufferPointer<Element>

  init(_ count: Int, _ value: Element) {
    buffer = .allocate(capacity: count)
    buffer.initialize(repeating: value)
  }

  deinit { buffer.deallocate() }

  subscript(index: Int) -> Element {
    get { buffer[index] }
    nonmutating set { buffer[index] = newValue }
  }

  /// Part of the memory as an encoder's input.
  func slice(_ start: Int, _ count: Int) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(rebasing: buffer[start..<start + count])
  }

  /// Part of the memory as an encoder's output.
  func room(_ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(rebasing: buffer[start..<start + count])
  }
}

extension UnsafeBufferPointer {
  /// `count` elements from `start` on.
  func slice(_ start: Int, _ count: Int) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(rebasing: self[start..<start + count])
  }
}

extension UnsafeRawBufferPointer {
  /// The F16 at a byte offset, as a float.
  func half(at offset: Int) -> Float {
    HalfPrecision.float(f16: UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Stores a float rounded to F16 and returns what a decoder will read back.
  @discardableResult
  func storeHalf(_ value: Float, at offset: Int) -> Float {
    let bits = HalfPrecision.f16(value)
    storeBytes(of: bits.littleEndian, toByteOffset: offset, as: UInt16.self)
    return HalfPrecision.float(f16: bits)
  }
}
