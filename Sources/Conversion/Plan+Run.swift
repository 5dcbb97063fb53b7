import Architectures
import Containers
import Quants
import Base

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
  ///
  /// `started` is called when everything that can be refused beforehand has been looked at.
  package func run(
    threads: Int = Threads.available, kernels: Kernels = .best,
    progress: ((ConversionProgress) -> Void)? = nil, started: () -> Void = {}
  ) throws(CheckpointError) -> ConversionReport {
    try check()
    started()
    let clock = ContinuousClock()
    let start = clock.now
    let files = try write(max(1, threads), kernels, progress)
    let elapsed = (clock.now - start).components
    return ConversionReport(
      files: files, bytesIn: bytesIn, bytesOut: files.reduce(0) { $0 + $1.bytes },
      seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
  }

  /// What becomes one planned file.
  private struct PlannedOutput {
    let writer: any CheckpointWriter
    /// The folder around it; nil for a GGUF.
    let folder: FolderOutput?
    /// What it wrote, under the names it will have; known when it is sealed.
    var files: [WrittenFile] = []

    /// What gets a name, in order.
    var named: [any Output] { folder.map { [$0] } ?? writer.files }

    func abandon() {
      writer.abandon()
      folder?.abandon()
    }
  }

  /// Writes and syncs everything, then names it.
  private func write(
    _ threads: Int, _ kernels: Kernels, _ progress: ((ConversionProgress) -> Void)?
  ) throws(CheckpointError) -> [WrittenFile] {
    var outputs: [PlannedOutput] = []
    // Open from the beginning, so that what cannot be written is noticed before any work.
    var texts: [AtomicWriter] = []
    do throws(CheckpointError) {
      for file in files { outputs.append(try open(file)) }
      for path in [savedRecipe, checksums] {
        if let path { texts.append(try AtomicWriter(path: path, overwrite: overwrite)) }
      }
      try stream(outputs.map(\.writer), threads, kernels, progress)
      for index in outputs.indices {
        let written = try outputs[index].writer.seal()
        outputs[index].files = outputs[index].folder.map { $0.published(written) } ?? written
      }
      let written = outputs.flatMap(\.files)
      for text in texts {
        try text.write(Array((text.path == savedRecipe ? recipe.document : Checksums.text(written)).utf8))
        try text.seal()
      }
      try publish(outputs, texts)
      return written
    } catch {
      for output in outputs { output.abandon() }
      for text in texts { text.abandon() }
      throw files.reduce(error) { FolderOutput.told($0, path: $1.path) }
    }
  }

  private func open(_ file: PlannedFile) throws(CheckpointError) -> PlannedOutput {
    let sums = checksums != nil
    switch file.container {
    case .unchanged(let shard):
      return PlannedOutput(
        writer: try GGUFWriter.copy(shard, to: file.path, overwrite: overwrite, checksums: sums), folder: nil)
    case .gguf(let layout):
      // One that may be kept is compared before anything is named; it is never replaced unasked.
      let isOpen = overwrite || file.keepsEqual && file.existsEqual()
      return PlannedOutput(
        writer: try GGUFWriter(path: file.path, layout: layout, overwrite: isOpen, checksums: sums), folder: nil)
    case .folder(let layout, let shardSize, let documents):
      let folder = FolderOutput(file.path, overwrite: overwrite, documents: CarriedDocuments.names)
      try folder.write(documents, checksums: sums)
      let writer = try SafetensorsWriter(
        path: folder.hidden + "/model.safetensors", in: folder.parent, metadata: [("format", "pt")],
        tensors: layout.tensors, shardSize: shardSize, checksums: sums)
      folder.add(writer.files)
      return PlannedOutput(writer: writer, folder: folder)
    }
  }

  /// Names complete outputs together.
  private func publish(_ outputs: [PlannedOutput], _ texts: [AtomicWriter]) throws(CheckpointError) {
    // Another program may have put something there during the run.
    try checkOutputs()
    var kept: Set<Int> = []
    for (index, file) in files.enumerated() where file.keepsEqual && !overwrite {
      guard try FileStatus(of: file.path) != nil else { continue }
      guard try outputs[index].writer.matchesExisting() else {
        throw CheckpointError(
          .exists, "another vision encoder stands here", file: file.path, remedy: .placeVision)
      }
      kept.insert(index)
    }
    // The model last: who finds it finds everything that goes with it.
    let named = outputs.indices.reversed().filter { !kept.contains($0) }.flatMap { outputs[$0].named }
    try OutputSet.name(texts + named)
    for index in kept { outputs[index].abandon() }
  }

  /// How far ahead of its turn the source of a piece is asked for: about 32 MiB.
  private static let piecesAhead = 16

  /// Sends every piece of every tensor through the pipeline.
  private func stream(
    _ writers: [any CheckpointWriter], _ threads: Int, _ kernels: Kernels,
    _ progress: ((ConversionProgress) -> Void)?
  ) throws(CheckpointError) {
    var pieces: [Piece] = []
    var streams: [[RowStream]] = []
    for (index, file) in files.enumerated() {
      streams.append(file.tensors.map { RowStream($0, guide: guide, kernels: kernels) })
      if case .unchanged = file.container { continue }
      for (tensor, plan) in file.tensors.enumerated() {
        pieces += RowStream.pieces(plan, file: index, tensor: tensor)
      }
    }
    let (work, allStreams) = (pieces, streams)
    let spaces = (0..<threads).map { _ in Workspace() }
    let slots = (0..<OrderedPipeline.slots(threads: threads)).map { _ in Workspace() }
    let total = work.reduce(UInt64(0)) { $0 + UInt64($1.byteCount) }
    var done = UInt64(0)
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
      let writer = writers[piece.file]
      let plan = files[piece.file].tensors[piece.tensor]
      if piece.values.lowerBound == 0 { try writer.beginTensor(piece.tensor) }
      try writer.write(UnsafeRawBufferPointer(slots[slot].bytes(piece.byteCount)))
      if piece.values.upperBound == plan.shape.elementCount {
        try writer.endTensor()
        allStreams[piece.file][piece.tensor].end()
      }
      done += UInt64(piece.byteCount)
      progress?(ConversionProgress(bytesDone: done, bytesTotal: total, tensor: plan.name))
    }
  }
}
