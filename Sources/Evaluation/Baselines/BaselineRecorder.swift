import Base
import Containers
import Engine
import Runtime
import Synchronization

/// Writes a baseline of the model before while it is compared, or for itself.
///
/// The file depends on the model, the texts and `entries` alone: not on threads, nor on which models it was compared with.
package final class BaselineRecorder: Sendable {
  /// What was written.
  package struct Written: Sendable {
    package let path: String
    package let bytes: UInt64
    package let sha256: String
    package let positions: Int
    /// Of the model that was recorded.
    package let perplexity: Estimate

    /// With the keys of the command line.
    package var json: OrderedJSON {
      .object([
        "file": .string(path), "bytes": .unsigned(bytes), "sha256": .string(sha256),
        "positions": .integer(Int64(positions)), "bytes_per_position": .number(Double(bytes) / Double(positions)),
        "perplexity": perplexity.json,
      ])
    }
  }

  /// What is known when the texts are cut and nothing has run yet.
  private struct Plan: Sendable {
    var header: BaselineHeader
    /// Positions before each window of each text.
    var starts: [[Int]]
    var windows: [[BaselineWindow.Recorded?]]
  }

  private let path: String
  private let overwrite: Bool
  private let sampler: RowSampler
  private let plan = Lock<Plan?>(nil)

  /// Prepares to write.
  ///
  /// - Throws: `exists` when the file is there and may not be replaced.
  package init(path: String, entries: Int, seed: UInt64 = 0, overwrite: Bool) throws(CheckpointError) {
    try AtomicWriter.checkOutput(path, overwrite: overwrite)
    self.path = path
    self.overwrite = overwrite
    sampler = RowSampler(entries: entries, seed: seed)
  }

  /// Says what will be recorded.
  func begin(_ before: OpenedModel, _ texts: [TextWindows], context: Int) throws(CheckpointError) {
    let vocabulary = before.model.vocabularySize
    guard vocabulary >= RowSample.likeliestCount, vocabulary <= BaselineHeader.largestVocabulary else {
      throw CheckpointError(
        .unsupported, "a baseline is of \(RowSample.likeliestCount) to \(BaselineHeader.largestVocabulary) words",
        file: before.name)
    }
    let header = BaselineHeader(
      model: Self.name(before.name), tensorBytes: before.textWeights.bytes,
      weights: before.textWeights.count, vocabulary: vocabulary, files: [],
      tokenizer: try TokenizerFingerprint.of(before), context: context, entries: sampler.entries, seed: sampler.seed,
      texts: texts.map {
        .init(name: Self.name($0.name), sha256: $0.sha256, windows: $0.count, positions: $0.tokensScored)
      })
    var next = 0
    let starts = texts.map { text in
      text.windows.map { window in
        defer { next += window.scored.count }
        return next
      }
    }
    let plan = Plan(header: header, starts: starts, windows: texts.map { .init(repeating: nil, count: $0.count) })
    self.plan.withLock { $0 = plan }
  }

  /// The last part of a path: where a file lies is nobody's business, and the same file gives the same baseline.
  private static func name(_ path: String) -> String { Path(path).trimmed.name }

  /// What is kept of some rows of a window, of which the first is scored position `first`; each goes on with its token.
  func samples(
    _ rows: [LogitRow], _ tokens: ArraySlice<Int32>, _ place: TextPass.Place, first: Int, _ kernels: EngineKernels
  ) -> [RowSample] {
    let (start, vocabulary) = plan.withLock {
      ($0?.starts[place.text][place.window] ?? 0, $0?.header.vocabulary ?? 0)
    }
    return zip(rows, tokens).enumerated().map { index, pair in
      let (row, token) = pair
      return sampler.sample(
        row.logProbabilities(vocabulary), token: token, position: start + first + index,
        entropy: row.divergence(from: row, kernels).entropy)
    }
  }

  /// Keeps a window.
  func keep(_ window: BaselineWindow, _ place: TextPass.Place) {
    let recorded = BaselineWindow.Recorded(
      bytes: window.bytes, logLikelihood: WindowSum(window.samples) { -$0.text })
    plan.withLock { $0?.windows[place.text][place.window] = recorded }
  }

  /// Writes the file; `before` is the model that was recorded.
  package func write(_ before: OpenedModel) throws(CheckpointError) -> Written {
    guard var plan = plan.withLock({ $0 }) else { throw CheckpointError(.fault, "nothing was recorded", file: path) }
    for file in before.checkpoint.files {
      plan.header.files.append(
        .init(name: Self.name(file.path), bytes: file.size, sha256: try SHA256Hash.hash(of: file)))
    }
    let header = plan.header.json.serialized()
    var start = Baseline.magic
    start.append(word: Baseline.version)
    start.append(word: UInt32(header.count))
    var hash = SHA256Hash()
    let writer = try AtomicWriter(path: path, overwrite: overwrite, hashing: true)
    let windows = plan.windows.joined().compactMap { $0 }
    do throws(CheckpointError) {
      for piece in [start, header] { try Self.write(piece, to: writer, &hash) }
      for window in windows {
        var length: [UInt8] = []
        length.append(word: UInt32(window.bytes.count))
        try Self.write(length, to: writer, &hash)
        try Self.write(window.bytes, to: writer, &hash)
      }
      try writer.write(SHA256Hash.bytes(of: hash.finalize()))
      let sum = try writer.finish() ?? ""
      return Written(
        path: path, bytes: writer.position, sha256: sum, positions: plan.header.positions,
        perplexity: Estimate(windows.map(\.logLikelihood)).exponential)
    } catch {
      writer.abandon()
      throw error
    }
  }

  private static func write(
    _ bytes: [UInt8], to writer: AtomicWriter, _ hash: inout SHA256Hash
  ) throws(CheckpointError) {
    bytes.withUnsafeBytes { hash.update($0) }
    try writer.write(bytes)
  }
}

extension BaselineWindow {
  /// A window as it will be written.
  struct Recorded: Sendable {
    let bytes: [UInt8]
    let logLikelihood: WindowSum
  }
}
