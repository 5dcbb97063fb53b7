import Base
import Containers
import Engine
import Evaluation
import Quants
import Runtime

/// Runs a model over sequences and finds out what its weights are worth.
package struct CalibrationRun: Sendable {
  package let opened: OpenedModel
  package let sequences: [CalibrationSequence]
  package let sources: [(name: String, sha256: String)]
  package let context: Int
  package let seed: UInt64
  package let threads: Int
  package let kernels: Kernels
  private let pictures: CalibrationPictures?

  /// How far a run is.
  package struct Progress: Sendable {
    /// What is being done.
    package let stage: Stage
    package let done: Int
    package let total: Int

    package enum Stage: Sendable { case importance, sensitivity }
  }

  package init(
    _ opened: OpenedModel, _ text: CalibrationText, pictures: CalibrationPictures? = nil, context: Int,
    seed: UInt64 = 0, threads: Int = Threads.available, kernels: Kernels = .best
  ) {
    (self.opened, self.pictures) = (opened, pictures)
    sequences = text.sequences + (pictures?.sequences ?? [])
    sources = text.sources + (pictures?.sources ?? [])
    (self.context, self.seed, self.threads, self.kernels) = (context, seed, threads, kernels)
  }

  /// How it is found out what tensors cost.
  package enum Method: String, CaseIterable, Sendable {
    /// By one pass forward and one back.
    case estimated
    /// By half a run of the model for each tensor.
    case measured
    /// Not at all.
    case none
  }

  /// Tokens on which sensitivities are estimated, on which they are measured, and on which embedding tables are where the others are estimated.
  private static let (estimatedTokens, measuredTokens, tableTokens) = (4096, 2048, 1024)

  /// Does it.
  ///
  /// - Throws: `mismatch` for sequences that are not of this model, `malformed` for weights that are not numbers.
  package func callAsFunction(
    _ method: Method = .estimated, progress: (Progress) -> Void = { _ in }
  ) throws(CheckpointError) -> Calibration {
    // A family without a way back is measured.
    let method = method == .estimated && !(opened.model is any Differentiable) ? .measured : method
    let matrices = try NamedMatrices(opened)
    let importance = try importance(matrices, progress)
    var calibration = Calibration(
      importance: importance,
      origin: Calibration.Origin(
        model: opened.name, sha256: try Self.hash(of: opened.checkpoint), fingerprint: try ModelFingerprint.of(opened),
        context: context, seed: seed, method: method.rawValue, sources: sources,
        sequences: sequences))
    guard method != .none else { return calibration }
    calibration.sensitivities = try sensitivities(method, matrices, importance, progress)
    return calibration
  }

  private func importance(
    _ matrices: NamedMatrices, _ progress: (Progress) -> Void
  ) throws(CheckpointError) -> ImportanceMatrix {
    let collector = ImportanceCollector()
    var compute = Compute(threads: threads, kernels: kernels)
    compute.tap = collector.tap
    let weights = ResidentWeights(opened)
    var walk = try LayerWalk(sequences, of: opened.model)
    for layer in 0..<opened.model.layerCount {
      progress(Progress(stage: .importance, done: layer, total: opened.model.layerCount))
      try walk.advance(compute)
      weights.release(layer: layer)
    }
    return ImportanceMatrix(
      entries: collector.entries(experts: matrices.count), datasets: sources.map(\.name),
      chunkCount: UInt32(clamping: sequences.count), chunkSize: UInt32(clamping: context))
  }

  private func sensitivities(
    _ method: Method, _ matrices: NamedMatrices, _ importance: ImportanceMatrix, _ progress: (Progress) -> Void
  ) throws(CheckpointError) -> [TensorSensitivity] {
    let compute = Compute(threads: threads, kernels: kernels)
    let factors = importance.weights
    let measured = MeasuredSensitivity(
      sequences: Self.few(sequences, tokens: method == .estimated ? Self.tableTokens : Self.measuredTokens),
      matrices: matrices, importance: factors)
    let tables = matrices.all.filter { $0.layer == nil }
    var result = try measured.tables(tables, of: opened.model, compute)
    func told(_ done: Int) {
      progress(Progress(stage: .sensitivity, done: tables.count + done, total: matrices.all.count))
    }
    if method == .estimated, let model = opened.model as? any Differentiable {
      var pass = FisherPass(Self.few(sequences, tokens: Self.estimatedTokens), matrices, importance: factors)
      pass.labels = SampledLabels(seed: seed)
      result += try pass.layers(of: model, compute, progress: told)
    } else {
      result += try measured.layers(of: opened.model, compute, progress: told)
    }
    if let pictures, !pictures.sequences.isEmpty {
      result += try ProjectorSensitivity(pictures)(opened.model, compute) { done, total in
        progress(Progress(stage: .sensitivity, done: done, total: total))
      }
    }
    return result
  }

  /// Some of the sequences, spread over all, with about so many tokens in all; at least one.
  static func few(_ sequences: [CalibrationSequence], tokens: Int) -> [CalibrationSequence] {
    let all = sequences.reduce(0) { $0 + $1.tokens.count }
    let count = max(1, min(sequences.count, sequences.count * tokens / max(1, all)))
    return (0..<count).map { sequences[$0 * sequences.count / count] }
  }

  /// SHA-256 of the file that holds a checkpoint's weights; of several, that of their sums one after another.
  static func hash(of checkpoint: Checkpoint) throws(CheckpointError) -> String {
    var (sums, last): ([String], String?) = ([], nil)
    for tensor in checkpoint.tensors where tensor.file.path != last {
      last = tensor.file.path
      sums.append(try SHA256Hash.hash(of: tensor.file))
    }
    return sums.count == 1 ? sums[0] : Array(sums.joined().utf8).withUnsafeBytes { SHA256Hash.hash($0) }
  }
}
