import Quants
import Base

/// A tensor that is going to be written.
package struct TensorDescription: Sendable {
  /// Its name in the file.
  package var name: String
  /// How its numbers are stored.
  package var type: TensorType
  /// Its dimensions, outermost first.
  package var shape: Shape

  /// Describes a tensor.
  package init(name: String, type: TensorType, shape: Shape) {
    self.name = name
    self.type = type
    self.shape = shape
  }
}

/// Writes a checkpoint in one pass: each tensor begun, streamed and ended in the order of its description.
///
/// Nothing is there under a final name before all files are named (``OutputSet``).
package protocol CheckpointWriter: AnyObject {
  /// The bytes of all files together, known before the first is written.
  var totalBytes: UInt64 { get }
  /// Begins a tensor; they have to be begun in order.
  func beginTensor(_ index: Int) throws(CheckpointError)
  /// Appends stored bytes of the tensor that was begun.
  func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError)
  /// Ends a tensor.
  ///
  /// - Throws: `fault` when more or fewer bytes were written than its type and shape need.
  func endTensor() throws(CheckpointError)
  /// Completes and syncs all files.
  ///
  /// - Returns: the files under the names they will have.
  func seal() throws(CheckpointError) -> [WrittenFile]
  /// The files to be, in the order in which they get their names: who finds the last finds them all.
  var files: [AtomicWriter] { get }
}

extension CheckpointWriter {
  /// Whether sealed files hold the same bytes as those that stand under their names.
  package func matchesExisting() throws(CheckpointError) -> Bool {
    for file in files { if try !file.matchesExisting() { return false } }
    return true
  }

  /// Throws everything away that has no name yet.
  package func abandon() {
    for file in files { file.abandon() }
  }

  /// Completes, syncs and names all files; they are named only when all are complete.
  package func finish() throws(CheckpointError) -> [WrittenFile] {
    let written = try seal()
    do throws(CheckpointError) {
      try OutputSet.name(files)
    } catch {
      abandon()
      throw error
    }
    return written
  }

  /// Writes a whole tensor.
  package func writeTensor(_ index: Int, _ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    try beginTensor(index)
    try write(bytes)
    try endTensor()
  }

  /// Copies a whole tensor from a checkpoint, in pieces of whole blocks, whose scales are looked at on the way.
  package func copyTensor(_ index: Int, from entry: TensorEntry) throws(CheckpointError) {
    try beginTensor(index)
    let block = entry.type.blockBytes
    let piece = min((4 << 20) / block * block, max(1, entry.byteCount))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 64)
    defer { buffer.deallocate() }
    var done = 0
    while done < entry.byteCount {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, entry.byteCount - done)])
      try entry.readBlocks(into: part, at: done)
      try write(UnsafeRawBufferPointer(part))
      done += part.count
    }
    try endTensor()
  }
}

/// The part that all writers share: files of a header and tensors, streamed in order, named at the end.
final class PartWriter {
  /// A file to be.
  struct Part {
    let path: String
    /// All bytes before the first tensor.
    let header: [UInt8]
    let tensors: Range<Int>
    let bytes: UInt64
  }

  /// A tensor to be: its stored bytes and the zeros after them.
  struct Slot {
    let name: String
    let byteCount: Int
    let padding: Int
  }

  private let parts: [Part]
  private let slots: [Slot]
  private let checksums: Bool
  private var writers: [AtomicWriter] = []
  private var digests: [String?] = []
  private var hash: SHA256Hash?
  private var part = 0
  private var next = 0
  private var left: Int?

  /// The bytes of all parts together.
  let totalBytes: UInt64

  /// Prepares all files, in `folder` where they are to be kept elsewhere until they are named, and writes the first header.
  init(
    _ parts: [Part], _ slots: [Slot], in folder: String? = nil, overwrite: Bool, checksums: Bool
  ) throws(CheckpointError) {
    self.parts = parts
    self.slots = slots
    self.checksums = checksums
    totalBytes = parts.reduce(0) { $0 + $1.bytes }
    // Every part stays open until all are complete.
    try OpenFiles.allow(parts.count, for: parts.first?.path)
    for (index, part) in parts.enumerated() {
      // The first asks for the room of all, so that a small disk is noticed before any work.
      writers.append(
        try AtomicWriter(
          path: part.path, in: folder, overwrite: overwrite, hashing: checksums,
          expectedBytes: index == 0 ? totalBytes : nil,
          reserving: part.bytes))
    }
    try startPart()
  }

  func beginTensor(_ index: Int) throws(CheckpointError) {
    guard left == nil, index == next, index < slots.count else {
      throw CheckpointError(.fault, "tensor \(index) was begun out of order; \(next) comes next")
    }
    while index >= parts[part].tensors.upperBound { try endPart() }
    left = slots[index].byteCount
    if checksums { hash = SHA256Hash() }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    guard let room = left, bytes.count <= room else {
      throw CheckpointError(.fault, "more bytes were written than the tensor has", tensor: name(of: next))
    }
    if checksums { hash?.update(bytes) }
    try writers[part].write(bytes)
    left = room - bytes.count
  }

  func endTensor() throws(CheckpointError) {
    guard left == 0 else {
      throw CheckpointError(.fault, "\(left ?? 0) bytes of the tensor were not written", tensor: name(of: next))
    }
    try writers[part].writeZeros(slots[next].padding)
    digests.append(checksums ? hash?.finalize() : nil)
    hash = nil
    left = nil
    next += 1
  }

  func seal() throws(CheckpointError) -> [WrittenFile] {
    guard next == slots.count, left == nil else {
      throw CheckpointError(.fault, "\(slots.count - next) tensors were not written")
    }
    while part + 1 < parts.count { try endPart() }
    try checkLength()
    var sums: [String?] = []
    for writer in writers { sums.append(try writer.seal()) }
    return parts.indices.map { index in
      WrittenFile(
        path: parts[index].path, bytes: parts[index].bytes, sha256: sums[index],
        tensors: parts[index].tensors.map { (slots[$0].name, digests[$0]) })
    }
  }

  /// The parts, last to first: who finds the first file finds them all.
  var files: [AtomicWriter] { writers.reversed() }

  private func startPart() throws(CheckpointError) {
    try writers[part].write(parts[part].header)
  }

  private func endPart() throws(CheckpointError) {
    try checkLength()
    // On the disk now, so that its buffers are free; named with the others at the end.
    try writers[part].seal()
    part += 1
    try startPart()
  }

  private func checkLength() throws(CheckpointError) {
    guard writers[part].position == parts[part].bytes else {
      throw CheckpointError(
        .fault, "\(writers[part].position) bytes were written where \(parts[part].bytes) were planned",
        file: parts[part].path)
    }
  }

  private func name(of index: Int) -> String? {
    index < slots.count ? slots[index].name : nil
  }
}
