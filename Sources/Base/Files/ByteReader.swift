/// A bounds-checked cursor over little-endian bytes of a file.
///
/// Every read either succeeds inside the bytes or throws a `malformed` error with the offset; nothing traps.
package struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private let base: UInt64
  private let file: String
  private var position = 0

  /// Starts reading at the first of `bytes`, which lie at `base` in `file`.
  ///
  /// The bytes must stay valid while the reader is used: readers live inside the closure that lends the bytes.
  package init(_ bytes: UnsafeRawBufferPointer, at base: UInt64 = 0, file: String) {
    self.bytes = bytes
    self.base = base
    self.file = file
  }

  /// Where the next byte lies in the file.
  package var offset: UInt64 { base + UInt64(position) }

  /// How many bytes are left.
  package var remaining: Int { bytes.count - position }

  /// The next `count` bytes as a view.
  package mutating func view(_ count: Int, _ what: @autoclosure () -> String) throws(CheckpointError)
    -> UnsafeRawBufferPointer
  {
    guard count >= 0, count <= remaining else {
      throw failure("the file ends inside \(what()): \(count) bytes wanted, \(remaining) left")
    }
    let slice = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    position += count
    return slice
  }

  /// The next fixed-width little-endian integer.
  package mutating func integer<T: FixedWidthInteger>(
    _ type: T.Type, _ what: @autoclosure () -> String
  ) throws(CheckpointError) -> T {
    T(littleEndian: try view(MemoryLayout<T>.size, what()).loadUnaligned(as: T.self))
  }

  package mutating func u8(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt8 {
    try integer(UInt8.self, what())
  }
  package mutating func u16(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt16 {
    try integer(UInt16.self, what())
  }
  package mutating func u32(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt32 {
    try integer(UInt32.self, what())
  }
  package mutating func u64(_ what: @autoclosure () -> String) throws(CheckpointError) -> UInt64 {
    try integer(UInt64.self, what())
  }
  package mutating func i32(_ what: @autoclosure () -> String) throws(CheckpointError) -> Int32 {
    try integer(Int32.self, what())
  }
  package mutating func f32(_ what: @autoclosure () -> String) throws(CheckpointError) -> Float {
    Float(bitPattern: try u32(what()))
  }
  package mutating func f64(_ what: @autoclosure () -> String) throws(CheckpointError) -> Double {
    Double(bitPattern: try u64(what()))
  }

  /// The next `count` bytes, copied.
  package mutating func bytes(_ count: Int, _ what: @autoclosure () -> String) throws(CheckpointError) -> [UInt8] {
    [UInt8](try view(count, what()))
  }

  /// The next `count` bytes as text.
  ///
  /// - Throws: `malformed` when they are not UTF-8.
  package mutating func string(_ count: Int, _ what: @autoclosure () -> String) throws(CheckpointError) -> String {
    String(decoding: try utf8(count, what()), as: UTF8.self)
  }

  /// The next `count` bytes, which are text, as a view.
  ///
  /// - Throws: `malformed` when they are not UTF-8.
  package mutating func utf8(_ count: Int, _ what: @autoclosure () -> String) throws(CheckpointError)
    -> UnsafeRawBufferPointer
  {
    let start = offset
    let view = try view(count, what())
    guard isUTF8(view) else {
      throw CheckpointError(.malformed, "\(what()) is not valid UTF-8", file: file, offset: start)
    }
    return view
  }

  /// A `malformed` error at the present place.
  package func failure(_ message: String) -> CheckpointError {
    CheckpointError(.malformed, message, file: file, offset: offset)
  }
}
