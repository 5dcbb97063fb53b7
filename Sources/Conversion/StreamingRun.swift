import Containers
import Quants
import Tensors

/// What a run did.
package struct ConversionReport: Sendable {
  /// The files that now exist, with their sums where those were asked for.
  package let files: [WrittenFile]
  package let bytesIn: UInt64
  package let bytesOut: UInt64
  package let seconds: Double
}

/// How far a run is.
package struct ConversionProgress: Sendable {
  package let bytesDone: UInt64
  package let bytesTotal: UInt64
  /// The tensor being written.
  package let tensor: String
}

extension Plan {
  /// Does what the plan says, in one pass.
  ///
  /// Tensors stream through: read, transformed and encoded in pieces on `threads` threads, written in order. Memory stays
  /// the same whatever the size, and the bytes the same whatever the threads and kernels. Outputs appear under their names
  /// when all are complete; when anything fails they do not appear at all.
  package func run(
    threads: Int = Threads.available, kernels: Kernels = .best,
    progress: ((ConversionProgress) -> Void)? = nil
  ) throws(CheckpointError) -> ConversionReport {
    try check()
    let clock = ContinuousClock()
    let start = clock.now
    var files: [WrittenFile] = []
    let folders = try FolderOutput.prepare(self)
    do throws(CheckpointError) {
      files = try write(folders, max(1, threads), kernels, progress)
      try folders.publish()
      files = folders.published(files)
    } catch {
      folders.remove()
      throw error
    }
    if let checksums { try Checksums.write(files, to: checksums, overwrite: overwrite) }
    let elapsed = (clock.now - start).components
    return ConversionReport(
      files: files, bytesIn: bytesIn, bytesOut: files.reduce(0) { $0 + $1.bytes },
      seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
  }

  private func write(
    _ folders: FolderOutput, _ threads: Int, _ kernels: Kernels, _ progress: ((ConversionProgress) -> Void)?
  ) throws(CheckpointError) -> [WrittenFile] {
    var written: [WrittenFile] = []
    var writers: [(any CheckpointWriter)?] = []
    for file in files {
      switch file.container {
      case .unchanged(let shard):
        written.append(
          try GGUFWriter.writeUnchanged(shard, to: file.path, overwrite: overwrite, checksums: checksums != nil))
        writers.append(nil)
      case .gguf(let layout):
        writers.append(
          try GGUFWriter(path: file.path, layout: layout, overwrite: overwrite, checksums: checksums != nil))
      case .folder(let layout, let shardSize, _):
        writers.append(
          try SafetensorsWriter(
            path: folders.temporary(file.path) + "/model.safetensors", metadata: [("format", "pt")],
            tensors: layout.tensors, shardSize: shardSize, checksums: checksums != nil))
      }
    }
    do throws(CheckpointError) {
      try stream(writers, threads, kernels, progress)
      // All are complete now; naming them is quick.
      for writer in writers { if let writer { written += try writer.finish() } }
    } catch {
      for writer in writers { writer?.abandon() }
      throw error
    }
    for file in files {
      if case .folder(_, _, let documents) = file.container {
        written += try folders.write(documents, for: file.path, checksums: checksums != nil)
      }
    }
    return written
  }

  /// How far ahead of its turn the source of a piece is asked for: about 32 MiB.
  private static let piecesAhead = 16

  /// Sends every piece of every tensor through the pipeline.
  private func stream(
    _ writers: [(any CheckpointWriter)?], _ threads: Int, _ kernels: Kernels,
    _ progress: ((ConversionProgress) -> Void)?
  ) throws(CheckpointError) {
    var pieces: [Piece] = []
    var streams: [[TensorStream]] = []
    for (index, file) in files.enumerated() {
      streams.append(file.tensors.map { TensorStream($0, kernels: kernels) })
      guard writers[index] != nil else { continue }
      for (tensor, plan) in file.tensors.enumerated() {
        pieces += TensorStream.pieces(plan, file: index, tensor: tensor)
      }
    }
    let work = pieces
    let allStreams = streams
    let spaces = (0..<threads).map { _ in Workspace() }
    let slots = (0..<OrderedPipeline.slots(threads: threads)).map { _ in Workspace() }
    let total = work.reduce(UInt64(0)) { $0 + UInt64($1.byteCount) }
    var done: UInt64 = 0
    try OrderedPipeline.run(count: work.count, threads: threads) { (number, slot, thread) throws(CheckpointError) in
      let piece = work[number]
      if number + Self.piecesAhead < work.count {
        // The kernel reads ahead within a run of bytes; where the next tensor lies it cannot know.
        let later = work[number + Self.piecesAhead]
        allStreams[later.file][later.tensor].willNeed(later.values)
      }
      let output = slots[slot].bytes(piece.byteCount)
      try allStreams[piece.file][piece.tensor].produce(piece.values, into: output, spaces[thread])
    } consume: { (number, slot) throws(CheckpointError) in
      let piece = work[number]
      guard let writer = writers[piece.file] else { return }
      let plan = files[piece.file].tensors[piece.tensor]
      if piece.values.lowerBound == 0 { try writer.beginTensor(piece.tensor) }
      try writer.write(UnsafeRawBufferPointer(slots[slot].bytes(piece.byteCount)))
      if piece.values.upperBound == plan.shape.elementCount { try writer.endTensor() }
      done += UInt64(piece.byteCount)
      progress?(ConversionProgress(bytesDone: done, bytesTotal: total, tensor: plan.name))
    }
  }
}
