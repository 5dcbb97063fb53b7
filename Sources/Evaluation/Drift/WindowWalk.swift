import Architectures
import Engine
import Tensors

/// Models that go through the same window in step, layer by layer.
///
/// What a layer remembers of the window is let go before the next, so several models take hardly more memory than one does that goes
/// through all its layers piece by piece. The bits are those of ``LanguageModel/forward(_:at:state:compute:observer:)``.
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

  /// How far the states of one layer have drifted.
  struct Drift: Sendable {
    var accumulated = RowSums()
    /// Empty unless layers are isolated.
    var own = RowSums()
  }

  /// Drift of each model after, layer by layer from the embedding on; no layers where they cannot be compared.
  typealias Drifts = [[Drift]]

  init(before: OpenedModel, after: [OpenedModel], isolates: Bool) {
    models = [before] + after
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

  /// Runs a window: the hidden states of each model behind the last layer, a row for each scored position, and how far all states drift.
  func callAsFunction(
    _ window: TokenWindow, _ compute: Compute
  ) throws(CheckpointError) -> (states: [Activations], drifts: Drifts) {
    let line = window.tokens
    let slices = Slices.of(line.count)
    let states = try models.map { opened throws(CheckpointError) in
      try slices.map { slice throws(CheckpointError) in
        do throws(CheckpointError) {
          return try opened.model.embed(Array(line[slice]))
        } catch {
          throw error.in(file: opened.name)
        }
      }
    }
    var drifts = isComparable.map { $0 ? [Drift](repeating: Drift(), count: kinds.count) : [] }
    compare(states, isolated: isolates ? states[1...].map { $0 } : [], layer: 0, &drifts)
    for layer in 0..<(models.map(\.model.layerCount).max() ?? 0) {
      // The last layer of the model before is behind us where a model after has more of them.
      let inputs = isolates && layer + 1 < kinds.count ? states[0].map { $0.copy(of: 0..<$0.rows) } : []
      for (number, opened) in models.enumerated() where layer < opened.model.layerCount {
        Self.run(opened.model, layer, states[number], slices, compute)
      }
      let isolated = drifts.enumerated().map { number, drift in
        let own = drift.isEmpty ? [] : inputs.map { $0.copy(of: 0..<$0.rows) }
        if !own.isEmpty { Self.run(models[number + 1].model, layer, own, slices, compute) }
        return own
      }
      for (opened, weights) in zip(models, weights) where layer < opened.model.layerCount {
        weights.release(layer: layer)
      }
      compare(states, isolated: isolated, layer: layer + 1, &drifts)
    }
    return (states.map { Self.rows(window.scored, of: $0, slices) }, drifts)
  }

  /// Some rows of pieces as one matrix.
  private static func rows(_ positions: [Int], of pieces: [Activations], _ slices: [Range<Int>]) -> Activations {
    let result = Activations(rows: positions.count, columns: pieces[0].columns)
    var row = 0
    for (piece, slice) in zip(pieces, slices) {
      while row < positions.count, slice.contains(positions[row]) {
        let place = positions[row] - slice.lowerBound
        result.replace(from: row, by: piece, place..<place + 1)
        row += 1
      }
    }
    return result
  }

  /// Runs all pieces of a window through one layer.
  private static func run(
    _ model: any LanguageModel, _ layer: Int, _ pieces: [Activations], _ slices: [Range<Int>], _ compute: Compute
  ) {
    let state = model.makeState(ofLayer: layer, capacity: slices.last?.upperBound ?? 0)
    for (piece, slice) in zip(pieces, slices) {
      let positions = Positions(text: slice.count, from: slice.lowerBound)
      model.run(layer: layer, piece, at: positions, state: state, compute: compute)
    }
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
