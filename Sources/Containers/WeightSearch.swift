import Quants
import Base
import Libc

/// Looks into weights for what a damaged or unfinished file holds.
package enum WeightSearch {
  private static let pieceBytes = 1 << 20

  /// The first tensor with a value or a scale that is NaN or infinite, as the error that says where; nil without one.
  ///
  /// Reads everything, so it is for when something is known to be wrong. What cannot be read is passed over.
  package static func firstNonFinite(
    in tensors: [TensorEntry], threads: Int = Threads.available
  ) -> CheckpointError? {
    for tensor in tensors {
      let pieces = max(1, pieceBytes / tensor.type.blockBytes)
      do throws(CheckpointError) {
        try parallelRows(count: tensor.byteCount / tensor.type.blockBytes, threads: threads, grain: pieces) {
          (part) throws(CheckpointError) in
          let size = tensor.type.blockBytes
          let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count * size, alignment: 64)
          defer { buffer.deallocate() }
          try tensor.readBlocks(into: buffer, at: part.lowerBound * size)
        }
      } catch {
        if error.code == .malformed { return error }
      }
    }
    return nil
  }

  /// The value that all weights of a tensor have, of a large one all that were looked at; nil where they differ, which the first block
  /// nearly always tells.
  ///
  /// Looked at are five pieces from the first weight to the last, so that files of holes are done as quickly as others.
  /// - Throws: `inputOutput` when reading fails.
  package static func uniformValue(of tensor: TensorEntry) throws(CheckpointError) -> Float? {
    guard let codec = tensor.type.codec, tensor.byteCount > 0 else { return nil }
    let size = tensor.type.blockBytes
    let blocks = tensor.byteCount / size
    let piece = min(blocks, max(1, 4096 / size))
    let places = 5
    var values = [Float](repeating: 0, count: tensor.type.blockElements)
    var first: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece * size, alignment: 64)
    defer { buffer.deallocate() }
    for place in 0..<places {
      let start = (blocks - piece) / (places - 1) * place + (place == places - 1 ? (blocks - piece) % (places - 1) : 0)
      try tensor.read(into: buffer, at: start * size)
      if place == 0 {
        first = Array(buffer[..<size])
        first.withUnsafeBytes { block in values.withUnsafeMutableBufferPointer { codec.decode(block, into: $0) } }
        guard values.allSatisfy({ $0 == values[0] }) else { return nil }
      }
      let bytes = UnsafeRawBufferPointer(buffer)
      // Every block equals the first where the piece begins with it and equals itself one block on.
      guard bytes.starts(with: first), isPeriodic(bytes, size) else { return nil }
      if piece == blocks { break }
    }
    return values[0]
  }

  private static func isPeriodic(_ bytes: UnsafeRawBufferPointer, _ size: Int) -> Bool {
    guard bytes.count > size, let start = bytes.baseAddress else { return true }
    return memcmp(start, start + size, bytes.count - size) == 0
  }

  /// A sentence about matrices of which all weights are one number; nil when there are none.
  ///
  /// Vectors may well be uniform, such as the norms and biases of a model that did not need them; a matrix that is says
  /// nothing, and is most likely a part of a download for which room was made and which never came.
  package static func uniformNote(_ tensors: [TensorEntry]) throws(CheckpointError) -> String? {
    var names: [String] = []
    var seen: Set<BinaryString> = []
    for tensor in tensors where tensor.shape.dimensions.drop(while: { $0 == 1 }).count > 1 {
      guard seen.insert(BinaryString(tensor.name)).inserted, let value = try uniformValue(of: tensor) else { continue }
      names.append("\(tensor.name) (\(value == 0 ? "0" : "\(value)"))")
    }
    guard !names.isEmpty else { return nil }
    return (names.count == 1 ? "all weights of a matrix are" : "in each of \(names.count) matrices all weights are")
      + " one number, as in a download that was not completed: " + listed(names, 8)
  }
}
