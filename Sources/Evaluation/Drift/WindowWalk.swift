import Base
import Engine
import Runtime

/// Models that go through the same windows in step, layer by layer.
///
/// What a layer remembers of a window is let go before the next, and the layer's weights when all windows are through: what is held are the
/// hidden states of the windows, for every model. The bits are those of ``LanguageModel/forward(_:at:state:compute:observer:)``.
struct WindowWalk: Sendable {
  /// The model before, then those after.
  private let models: [OpenedModel]
  private let weights: [ResidentWeights]
  /// What each layer of the model before is, the embedding first.
  private let kinds: [LayerDrift.Kind]
  /// Whether a model after has the same layers.
  private let isComparable: [Bool]
  /// Whether every layer of a model after is also run on what the model before fed into it.
  private let isolates: Bool
  /// Of each of the models.
  private let precisions: [Precision]

  /// How far the states of one layer have drifted.
  struct Drift: Sendable {
    var accumulated = RowSums()
    /// Empty unless layers are isolated.
    var own = RowSums()
  }

  /// Drift of each model after, layer by layer from the embedding on; no layers where they cannot be compared.
  typealias Drifts = [[Drift]]

  init(before: OpenedModel, after: [OpenedModel], isolates: Bool, precision: Precision) {
    models = [before] + after
    precisions = [.exact] + after.map { _ in precision }
    weights = models.map { ResidentWeights($0) }
    // Opening a model looks at its weights.
    for model in weights { model.release() }
    kinds = Self.kinds(before.model)
    isComparable = after.map { [kinds] model in
      model.model.hiddenSize == before.model.hiddenSize && Self.kinds(model.model) == kinds
    }
    self.isolates = isolates
  }

  private static func kinds(_ model: any LanguageModel) -> [LayerDrift.Kind] {
    [.embedding]
      + (0..<model.layerCount).map { layer in
        switch model.makeState(ofLayer: layer, capacity: 0) {
        case .attention: .attention
        case .deltaNet: .linear
        }
      }
  }

  /// What came of a window: the hidden states of each model behind the last layer, a row for each scored position, and how far all
  /// states drift.
  typealias Result = (states: [Activations], drifts: Drifts)

  /// Runs windows, all of them through a layer before the next: its weights are brought into memory once for all.
  func callAsFunction(_ windows: [TokenWindow], _ compute: Compute) throws(CheckpointError) -> [Result] {
    var steps = try windows.map { window throws(CheckpointError) in try begin(window) }
    for layer in 0..<(models.map(\.model.layerCount).max() ?? 0) {
      for index in steps.indices { run(layer, &steps[index], compute) }
      for (opened, weights) in zip(models, weights) where layer < opened.model.layerCount {
        weights.release(layer: layer)
      }
    }
    return zip(windows, steps).map { window, step in
      (step.states.map { Self.rows(window.scored, of: $0, step.chunks) }, step.drifts)
    }
  }

  /// A window on its way through the layers.
  private struct Step {
    /// The pieces in which its tokens are run.
    let chunks: [Range<Int>]
    /// Hidden states of each model, piece by piece.
    var states: [[Activations]]
    var drifts: Drifts
  }

  private func begin(_ window: TokenWindow) throws(CheckpointError) -> Step {
    let chunks = Chunks.of(window.tokens.count)
    let states = try models.map { opened throws(CheckpointError) in
      try chunks.map { chunk throws(CheckpointError) in
        do throws(CheckpointError) {
          return try opened.model.embed(Array(window.tokens[chunk]))
        } catch {
          throw error.in(file: opened.name)
        }
      }
    }
    var drifts = isComparable.map { $0 ? [Drift](repeating: Drift(), count: kinds.count) : [] }
    compare(states, isolated: isolates ? states[1...].map { $0 } : [], layer: 0, &drifts)
    return Step(chunks: chunks, states: states, drifts: drifts)
  }

  /// Takes a window through one layer of every model.
  private func run(_ layer: Int, _ step: inout Step, _ compute: Compute) {
    let inputs = step.states[0]
    for (number, opened) in models.enumerated() where layer < opened.model.layerCount {
      step.states[number] = opened.model.layer(
        layer, of: step.states[number], compute: compute.at(precisions[number]))
    }
    // The last layer of the model before is behind us where a model after has more of them.
    let isolating = isolates && layer + 1 < kinds.count
    let isolated = step.drifts.enumerated().map { number, drift in
      isolating && !drift.isEmpty
        ? models[number + 1].model.layer(layer, of: inputs, compute: compute.at(precisions[number + 1])) : []
    }
    compare(step.states, isolated: isolated, layer: layer + 1, &step.drifts)
  }

  /// Some rows of pieces as one matrix.
  private static func rows(_ positions: [Int], of pieces: [Activations], _ chunks: [Range<Int>]) -> Activations {
    let result = Activations(rows: positions.count, columns: pieces[0].columns)
    var row = 0
    for (piece, chunk) in zip(pieces, chunks) {
      while row < positions.count, chunk.contains(positions[row]) {
        let place = positions[row] - chunk.lowerBound
        result.replace(from: row, by: piece, place..<place + 1)
        row += 1
      }
    }
    return result
  }

  /// Notes how far the states of all models after are from those of the model before, at a place in `kinds`.
  private func compare(_ states: [[Activations]], isolated: [[Activations]], layer: Int, _ drifts: inout Drifts) {
    for number in drifts.indices where layer < drifts[number].count {
      for (piece, before) in states[0].enumerated() {
        drifts[number][layer].accumulated.add(before, states[number + 1][piece])
        if isolates { drifts[number][layer].own.add(before, isolated[number][piece]) }
      }
    }
  }

  /// The figures of each model after from the drifts of all windows, in the order of the text.
  func layers(_ windows: [Drifts]) -> [[LayerDrift]] {
    isComparable.indices.map { number in
      guard isComparable[number] else { return [] }
      return kinds.indices.compactMap { layer in
        var sum = Drift()
        for window in windows {
          sum.accumulated.add(window[number][layer].accumulated)
          sum.own.add(window[number][layer].own)
        }
        return sum.accumulated.figures.map {
          LayerDrift(layer: layer - 1, kind: kinds[layer], accumulated: $0, own: sum.own.figures)
        }
      }
    }
  }
}
