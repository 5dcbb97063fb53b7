import Base

/// The bytes of a picture's file, read a window at a time, so that a file is never in memory whole.
final class PictureBytes {
  /// The name that errors carry.
  let name: String
  /// Bytes in all.
  let size: Int
  private let file: InputFile?
  private var window: [UInt8]
  private var windowStart = 0
  /// What went wrong with the file while a decoder was reading it.
  private(set) var failure: CheckpointError?

  private static let windowSize = 1 << 16

  init(path: String) throws(CheckpointError) {
    let file = try InputFile(path: path)
    guard file.size <= ImageDecoder.fileLimit else {
      throw CheckpointError(
        .unsupported, "a picture of \(file.size) bytes is longer than the limit of \(ImageDecoder.fileLimit)",
        file: path)
    }
    name = path
    size = Int(file.size)
    self.file = file
    window = []
  }

  /// Bytes that are in memory already.
  init(_ bytes: [UInt8], name: String) {
    self.name = name
    size = bytes.count
    file = nil
    window = bytes
  }

  /// Copies bytes from `offset` on and answers how many there were: fewer at the end, none when reading fails.
  func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
    var done = 0
    while done < target.count, let place = place(of: offset + done) {
      let count = min(target.count - done, window.count - place)
      window.withUnsafeBytes { bytes in
        UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + count]))
      }
      done += count
    }
    return done
  }

  /// Up to `count` bytes from `offset` on.
  func bytes(at offset: Int, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: max(0, min(count, size - offset))) { buffer, filled in
      filled = read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// A big-endian number of `count` bytes; nil where they are not all there.
  func number(at offset: Int, count: Int) -> Int? {
    var value = 0
    for index in offset..<offset + count {
      guard let place = place(of: index) else { return nil }
      value = value << 8 | Int(window[place])
    }
    return value
  }

  /// Where the byte at `offset` lies in the window, which moves there if need be.
  private func place(of offset: Int) -> Int? {
    guard offset >= 0, offset < size, failure == nil else { return nil }
    if offset < windowStart || offset >= windowStart + window.count {
      guard let file else { return nil }
      do throws(CheckpointError) {
        window = try file.readBytes(at: UInt64(offset), count: min(Self.windowSize, size - offset))
        windowStart = offset
      } catch {
        failure = error
        return nil
      }
    }
    return offset - windowStart
  }
}
