import Architectures
import Base
import Containers
import Conversion
import Engine
import Quants
import Runtime

/// Rounds what a plan quantizes with error feedback, before the plan is carried out.
package struct RoundingRun: Sendable {
  private let opened: OpenedModel
  private let calibration: Calibration
  private let plan: Plan
  private let threads: Int
  private let kernels: Kernels
  /// The type of each matrix that is rounded.
  private let types: [String: TensorType]
  private let table: NamedMatrices.Named?
  private let tableType: TensorType?

  /// What a kill may cost; on slow disks making the states of a small model safe takes longer than its layers.
  private static let timeBetweenSaves = Duration.seconds(20)

  /// What stands in place of states behind the last layer.
  private static var noStates: (original: [Activations], rounded: [Activations]) {
    let none = [Activations(rows: 1, columns: 1, [0])]
    return (none, none)
  }

  /// How far a run is: layers that are done, of all.
  package typealias Progress = (_ done: Int, _ total: Int) -> Void

  /// Looks up what there is to round.
  ///
  /// - Throws: `mismatch` for a calibration of another model.
  package init(
    _ opened: OpenedModel, _ calibration: Calibration, _ plan: Plan, threads: Int = Threads.available,
    kernels: Kernels = .best
  ) throws(CheckpointError) {
    (self.opened, self.calibration, self.plan) = (opened, calibration, plan)
    (self.threads, self.kernels) = (threads, kernels)
    let planned = plan.files.first?.tensors.filter { !$0.isCopy && $0.type.isBlock } ?? []
    let byName = Dictionary(planned.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    let matrices = try NamedMatrices(opened)
    let inLayers = matrices.all.filter { $0.layer != nil && byName[$0.name] != nil }
    types = Dictionary(inLayers.map { ($0.name, byName[$0.name] ?? .f32) }, uniquingKeysWith: { first, _ in first })
    table = matrices.all.first { $0.name == "token_embd.weight" }
    tableType = byName["token_embd.weight"]
  }

  /// Whether there is anything to round.
  package var isNeeded: Bool { !types.isEmpty }

  /// How much memory it takes beside the mapped file, in bytes; told before it starts.
  package var memory: Int {
    let model = opened.model
    let tokens = calibration.origin.tokenCount
    let longest = calibration.origin.sequences.map(\.tokens.count).max() ?? 0
    var (widest, most, tallest) = (0, 0, 0)
    for layer in 0..<model.layerCount {
      for half in model.halves(ofLayer: layer) {
        let matrices = half.inputs + (half.output.map { [$0] } ?? [])
        widest = max(widest, matrices.map(\.columns).max() ?? 0)
        tallest = max(tallest, half.inputs.reduce(0) { $0 + $1.rows })
        most = max(most, half.output?.columns ?? 0)
      }
    }
    // States of both models, what the output matrix reads, moments with their factors, slices of rows, and one sequence on its way.
    let numbers =
      tokens * (2 * model.hiddenSize + most) + 4 * widest * widest + 8 * RoundedWalk.rows * widest
      + longest * 4 * tallest
    return numbers * MemoryLayout<Float>.stride + tableBytes
  }

  /// What it keeps on disk until the output stands, at most, in bytes: rounded matrices, and the states of both models, an older copy of them included.
  package var stored: UInt64 {
    let tensors = plan.files.first?.tensors.filter { types[$0.name] != nil } ?? []
    let states = 4 * calibration.origin.tokenCount * opened.model.hiddenSize * MemoryLayout<Float>.stride
    return tensors.reduce(UInt64(states)) { $0 + UInt64($1.byteCount) }
  }

  private var tableBytes: Int {
    guard let table, let tableType else { return 0 }
    return table.rows * table.columns / tableType.blockElements * tableType.blockBytes
  }

  /// Does it, or the first so many layers of it; what is done is kept in `folder`, from which the same job goes on where it stopped.
  ///
  /// - Returns: the state, whose ``RoundingState/tensors()`` the plan takes; to be removed when the output stands.
  package func callAsFunction(
    folder: String, layers limit: Int? = nil, progress: Progress = { _, _ in }
  ) throws(CheckpointError) -> RoundingState {
    let state = try RoundingState(folder: folder, job: try job)
    do throws(CheckpointError) {
      try advance(state, limit, progress)
    } catch {
      // Nothing is kept of a run that did nothing.
      if state.layers == 0 { try? state.remove() }
      throw error
    }
    return state
  }

  /// Rounds the layers behind those that are done.
  private func advance(_ state: RoundingState, _ limit: Int?, _ progress: Progress) throws(CheckpointError) {
    let total = opened.model.layerCount
    guard state.layers < total else { return }
    let compute = Compute(threads: threads, kernels: kernels)
    let importance = calibration.importance.weights
    let sequences = calibration.origin.sequences
    var walk = try RoundedWalk(
      opened, sequences, types: types, importance: importance, table: try encodedTable(importance), compute: compute)
    let lengths = sequences.map(\.tokens.count)
    if let kept = try state.states(lengths: lengths, hidden: opened.model.hiddenSize) {
      walk.resume(at: state.layers, original: kept.original, rounded: kept.rounded)
    }
    let end = min(limit ?? total, total)
    var pending: [RoundedWalk.Rounded] = []
    let clock = ContinuousClock()
    var saved = clock.now
    while walk.layer < end {
      progress(walk.layer, total)
      pending += try walk.advance()
      guard walk.layer == end || clock.now - saved > Self.timeBetweenSaves else { continue }
      try state.add(
        pending, ofLayers: walk.layer - state.layers, states: walk.layer == total ? Self.noStates : walk.states)
      pending = []
      saved = clock.now
    }
    progress(walk.layer, total)
  }

  private func encodedTable(_ importance: [String: [Float]]) throws(CheckpointError) -> WeightMatrix? {
    guard let table, let tableType else { return nil }
    return try table.encoded(as: tableType, importance: importance[table.name], threads: threads, kernels: kernels)
  }

  /// A hash of all that the result depends on.
  private var job: String {
    get throws(CheckpointError) {
      var hash = SHA256Hash()
      var words = ["rounding 1", kernels.sums, calibration.origin.sha256, calibration.origin.fingerprint]
      words.append(try ModelFingerprint.of(opened))
      words += types.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.name)" }
      words.append(tableType?.name ?? "table as it is")
      words += calibration.origin.sequences.map { "\($0.tokens)" }
      for entry in calibration.importance.entries { words.append("\(entry.name) \(entry.sums) \(entry.counts)") }
      for word in words { Array((word + "\n").utf8).withUnsafeBytes { hash.update($0) } }
      return hash.finalize()
    }
  }
}

extension Kernels {
  /// Levels that give the same bits of sums have the same word here.
  fileprivate var sums: String { name == "portable" ? "plain sums" : "fused sums" }
}
