import Base
import Quants

/// Scales of MXFP4 blocks that are a tensor of their own, beside the words.
struct BlockScales: Sendable {
  let file: InputFile
  /// Where the first scale lies.
  let offset: UInt64

  /// Blocks that are put together at a time.
  private static let piece = 4096

  /// Reads blocks as GGUF has them, from byte `start` of them on, until the buffer is full.
  func read(
    into destination: UnsafeMutableRawBufferPointer, at start: Int, words: InputFile, from wordOffset: UInt64
  ) throws(CheckpointError) {
    let size = MXFP4.blockBytes
    let (first, end) = (start / size, (start + destination.count + size - 1) / size)
    guard first < end else { return }
    let room = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(Self.piece, end - first) * (MXFP4Words.bytes + 1 + size), alignment: 64)
    defer { room.deallocate() }
    var block = first
    while block < end {
      let count = min(Self.piece, end - block)
      let wordBytes = count * MXFP4Words.bytes
      let stored = UnsafeMutableRawBufferPointer(rebasing: room[..<wordBytes])
      let scales = UnsafeMutableRawBufferPointer(rebasing: room[wordBytes..<wordBytes + count])
      let joined = UnsafeMutableRawBufferPointer(
        rebasing: room[wordBytes + count..<wordBytes + count + count * size])
      try words.read(at: wordOffset + UInt64(block * MXFP4Words.bytes), into: stored)
      try file.read(at: offset + UInt64(block), into: scales)
      MXFP4Words.join(UnsafeRawBufferPointer(stored), scales: UnsafeRawBufferPointer(scales), into: joined)
      // The first and the last block may be wanted in part.
      let wanted = max(start, block * size)..<min(start + destination.count, (block + count) * size)
      UnsafeMutableRawBufferPointer(rebasing: destination[wanted.lowerBound - start..<wanted.upperBound - start])
        .copyMemory(
          from: UnsafeRawBufferPointer(
            rebasing: joined[wanted.lowerBound - block * size..<wanted.upperBound - block * size]))
      block += count
    }
  }
}
