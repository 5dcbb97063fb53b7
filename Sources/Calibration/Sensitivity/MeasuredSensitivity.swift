import Base
import Engine
import Quants
import Runtime

/// What each tensor alone costs, measured: it is replaced, the model runs on from its layer, and its predictions are compared.
///
/// Exact but for what the choice of sequences does; a run of half the model for each tensor. See docs/sensitivity.md.
struct MeasuredSensitivity {
  let sequences: [CalibrationSequence]
  let matrices: NamedMatrices
  let importance: [String: [Float]]

  /// The type in which a tensor is tried: about four bits, by what its rows are multiples of; nil where none fits.
  static func reference(columns: Int) -> TensorType? {
    ["Q4_K", "Q4_0"].lazy.compactMap { TensorType(name: $0) }.first { columns % $0.blockElements == 0 }
  }

  /// Types in which an embedding table is tried: it is both ends of a tied model, so that nothing is known of it from one.
  static func tableReferences(columns: Int) -> [TensorType] {
    let names = columns % 256 == 0 ? ["Q2_K", "Q4_K", "Q6_K"] : ["Q4_0", "Q8_0"]
    return names.compactMap { TensorType(name: $0) }.filter { columns % $0.blockElements == 0 }
  }

  /// Measures all matrices of the layers.
  ///
  /// `progress` is told the matrices that are done.
  func layers(
    of model: any LanguageModel, _ compute: Compute, progress: (Int) -> Void
  ) throws(CheckpointError) -> [TensorSensitivity] {
    var walk = try LayerWalk(sequences, of: model)
    var starts = try walk.starts(compute)
    let ends = walk.states
    let judge = HiddenDivergence(model, compute)
    var result: [TensorSensitivity] = []
    for layer in 0..<model.layerCount {
      for matrix in matrices.layer(layer) {
        guard let type = Self.reference(columns: matrix.columns) else { continue }
        try Cancellation.check()
        var replaced = compute
        replaced.replaced[matrix.name] = try matrix.encoded(
          as: type, importance: importance[matrix.name], threads: compute.threads,
          kernels: compute.kernels.kernels)
        let divergence = try mean(walk, from: layer, starts[layer], ends, judge, replaced)
        result.append(TensorSensitivity(name: matrix.name, type: type, divergence: divergence))
        progress(result.count)
      }
      starts[layer] = []
    }
    return result
  }

  /// Measures embedding tables and heads, in all that they are used for.
  func tables(
    _ tables: [NamedMatrices.Named], of model: any LanguageModel, _ compute: Compute
  ) throws(CheckpointError) -> [TensorSensitivity] {
    guard !tables.isEmpty else { return [] }
    var walk = try LayerWalk(sequences, of: model)
    while walk.layer < model.layerCount { try walk.advance(compute) }
    let judge = HiddenDivergence(model, compute)
    var result: [TensorSensitivity] = []
    for matrix in tables {
      for type in Self.tableReferences(columns: matrix.columns) {
        var replaced = compute
        replaced.replaced[matrix.name] = try matrix.encoded(
          as: type, importance: importance[matrix.name], threads: compute.threads, kernels: compute.kernels.kernels)
        // Nothing before the head reads a head of its own.
        let other =
          matrix.name == "output.weight" ? nil : try LayerWalk(sequences, of: model, replaced: replaced.replaced)
        let divergence = try mean(
          other ?? walk, from: other == nil ? model.layerCount : 0, other?.states ?? walk.states, walk.states, judge,
          replaced)
        result.append(TensorSensitivity(name: matrix.name, type: type, divergence: divergence))
      }
    }
    return result
  }

  /// The mean divergence at the scored positions when sequences go on from a layer with some weights replaced.
  private func mean(
    _ walk: LayerWalk, from layer: Int, _ starts: [Activations], _ ends: [Activations], _ judge: HiddenDivergence,
    _ compute: Compute
  ) throws(CheckpointError) -> Double {
    var (sum, count) = (0.0, 0)
    for (index, sequence) in sequences.enumerated() {
      let hidden = starts[index].copy(of: 0..<starts[index].rows)
      for later in layer..<walk.model.layerCount { walk.run(later, hidden, ofSequence: index, compute) }
      sum += try judge.sum(ends[index], hidden, rows: sequence.scored, compute)
      count += sequence.scored.count
    }
    return count == 0 ? 0 : sum / Double(count)
  }
}
