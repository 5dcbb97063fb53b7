import CImages
import Base

/// An open decoder of `CImages` and the bytes it reads: its memory is reached through calls only, and goes with it.
final class Decoder {
  private let kind: String
  private let file: PictureBytes
  private let close: (OpaquePointer) -> Void
  private var rows: OpaquePointer?

  /// Opens a decoder; `kind` is the word for the picture in errors.
  init(
    _ kind: String, _ file: PictureBytes,
    open: (cimages_read, UnsafeMutableRawPointer, UnsafeMutablePointer<CChar>) -> OpaquePointer?,
    close: @escaping (OpaquePointer) -> Void
  ) throws(CheckpointError) {
    self.kind = kind
    self.file = file
    self.close = close
    rows = nil
    // Unretained: this object holds the bytes for as long as the decoder is open.
    let context = Unmanaged.passUnretained(file).toOpaque()
    try checked { message in
      rows = open(
        { context, offset, target, count in
          guard let context, let target else { return 0 }
          return Unmanaged<PictureBytes>.fromOpaque(context).takeUnretainedValue()
            .read(at: Int(clamping: offset), into: UnsafeMutableRawBufferPointer(start: target, count: count))
        }, context, message)
      return rows != nil
    }
  }

  deinit { if let rows { close(rows) } }

  /// Calls the decoder, which answers 1, or 0 after writing a sentence to the second argument.
  ///
  /// - Throws: `malformed` with the sentence, or what went wrong with the file.
  func call(_ body: (OpaquePointer, UnsafeMutablePointer<CChar>) -> Int32) throws(CheckpointError) {
    try checked { message in rows.map { body($0, message) } == 1 }
  }

  private func checked(_ body: (UnsafeMutablePointer<CChar>) -> Bool) throws(CheckpointError) {
    // The last byte stays zero whatever is written.
    var message = [CChar](repeating: 0, count: Int(cimages_message_bytes) + 1)
    let isDone = message.withUnsafeMutableBufferPointer { $0.baseAddress.map(body) ?? false }
    // The decoder saw a file that ended; why it did is known here.
    if let failure = file.failure { throw failure }
    guard !isDone else { return }
    let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    throw CheckpointError(.malformed, "the \(kind) picture is damaged", cause: shortened(text))
  }
}
