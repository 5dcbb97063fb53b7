import Base
import Containers
import Engine
import Quants

/// What a rounding has done so far, kept in a folder beside the output until the output stands.
///
/// Now and then the matrices that were rounded since the last time are written, then the hidden states of both models, so that the same command
/// goes on after whatever stopped it. A folder of another job is made new.
package final class RoundingState {
  private let folder: WorkFolder
  /// What tells this job from every other: a hash of all that its result depends on.
  private let job: String
  /// Layers whose matrices are safe.
  package private(set) var layers = 0
  /// Files that hold them.
  private var parts = 0

  private enum Name {
    static let job = "quern.rounding.job"
    static let layers = "quern.rounding.layers"
    static let parts = "quern.rounding.parts"
    static let original = "original"
    static let rounded = "rounded"
  }

  private var streams: String { folder.path + "/states.gguf" }
  private func file(ofPart part: Int) -> String { folder.path + "/part-\(part).gguf" }

  /// Whether a file of the folder is one of these, or what a killed run left of one.
  private static func isOurs(_ name: String) -> Bool { name.contains("part-") || name.contains("states.gguf") }

  /// Opens the state of a job; what stands in the folder from another is removed.
  ///
  /// - Throws: what ``WorkFolder`` throws.
  package init(folder: String, job: String) throws(CheckpointError) {
    self.folder = try WorkFolder(folder)
    self.job = job
    if let checkpoint = try? Containers.open(streams), checkpoint.metadata.string(Name.job) == job,
      let layers = checkpoint.metadata.uint(Name.layers).flatMap({ Int(exactly: $0) }),
      let parts = checkpoint.metadata.uint(Name.parts).flatMap({ Int(exactly: $0) }),
      (0..<min(parts, 100_000)).allSatisfy({ isWhole(part: $0) })
    {
      (self.layers, self.parts) = (layers, parts)
    } else {
      try self.folder.clear(Self.isOurs)
    }
  }

  private func isWhole(part: Int) -> Bool {
    guard let checkpoint = try? Containers.open(file(ofPart: part)) else { return false }
    return checkpoint.metadata.string(Name.job) == job
  }

  /// The hidden states behind the last layer that is safe, cut as the sequences are; nil before the first.
  package func states(
    lengths: [Int], hidden: Int
  ) throws(CheckpointError) -> (original: [Activations], rounded: [Activations])? {
    guard layers > 0 else { return nil }
    let checkpoint = try Containers.open(streams)
    func read(_ name: String) throws(CheckpointError) -> [Activations] {
      guard let tensor = checkpoint[name], tensor.type == .f32,
        tensor.shape.dimensions == [lengths.reduce(0, +), hidden]
      else {
        throw CheckpointError(.malformed, "the states kept here are not of this model", file: streams, tensor: name)
      }
      let values = try tensor.readFloats()
      var start = 0
      return lengths.map { length in
        defer { start += length * hidden }
        return Activations(rows: length, columns: hidden, values[start..<start + length * hidden])
      }
    }
    return (try read(Name.original), try read(Name.rounded))
  }

  /// Makes layers safe: the matrices of so many, and the states behind the last of them.
  package func add(
    _ matrices: [RoundedWalk.Rounded], ofLayers count: Int,
    states: (original: [Activations], rounded: [Activations])
  ) throws(CheckpointError) {
    let tensors = matrices.map { matrix in
      TensorDescription(
        name: matrix.name, type: matrix.matrix.type, shape: Shape([matrix.matrix.rows, matrix.matrix.columns]))
    }
    try write(file(ofPart: parts), tensors) { index, body throws(CheckpointError) in
      let result = matrices[index].bytes.withUnsafeBytes { bytes in
        Result { () throws(CheckpointError) in try body(bytes) }
      }
      try result.get()
    }
    parts += 1
    layers += count
    let all = [states.original, states.rounded]
    let hidden = states.original.first?.columns ?? 0
    let shape = Shape([states.original.reduce(0) { $0 + $1.rows }, hidden])
    try write(
      streams, [Name.original, Name.rounded].map { TensorDescription(name: $0, type: .f32, shape: shape) }
    ) {
      index, body throws(CheckpointError) in
      for part in all[index] {
        let result = part.withElements { values in
          Result { () throws(CheckpointError) in try body(UnsafeRawBufferPointer(values)) }
        }
        try result.get()
      }
    }
  }

  private func write(
    _ path: String, _ tensors: [TensorDescription],
    _ values: (Int, (UnsafeRawBufferPointer) throws(CheckpointError) -> Void) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let metadata = Metadata([
      (Name.job, .string(job)), (Name.layers, .uint32(UInt32(clamping: layers))),
      (Name.parts, .uint32(UInt32(clamping: parts))),
    ])
    let writer = try GGUFWriter(path: path, metadata: metadata, tensors: tensors, overwrite: true)
    do throws(CheckpointError) {
      for index in tensors.indices {
        try writer.beginTensor(index)
        try values(index) { bytes throws(CheckpointError) in try writer.write(bytes) }
        try writer.endTensor()
      }
      _ = try writer.finish()
    } catch {
      writer.abandon()
      throw error
    }
  }

  /// All rounded matrices, by their names.
  package func tensors() throws(CheckpointError) -> [String: TensorEntry] {
    var result: [String: TensorEntry] = [:]
    for part in 0..<parts {
      for tensor in try Containers.open(file(ofPart: part)).tensors { result[tensor.name] = tensor }
    }
    return result
  }

  /// Removes the folder and what this program wrote into it.
  package func remove() throws(CheckpointError) { try folder.remove(Self.isOurs) }
}
