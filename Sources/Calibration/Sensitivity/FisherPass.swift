import Base
import Engine
import Quants

/// What each tensor alone costs, estimated for all of them by one pass forward and one back.
///
/// At every position a label is drawn from the model's own distribution; g is the gradient of its log probability at the outputs of a matrix,
/// x what the matrix reads, D the error of the reference type. The divergence that this error alone causes is about the mean over positions of
/// 1/2 (g . D x)^2; see docs/sensitivity.md.
///
/// All that is kept of the way forward is the hidden states before each layer: layers times tokens times hidden size floats. Beside them there
/// are the reference copies of one layer and a gradient for each sequence.
package struct FisherPass {
  private let sequences: [CalibrationSequence]
  private let matrices: NamedMatrices
  private let importance: [String: [Float]]
  /// What the labels are drawn with.
  package var labels = SampledLabels(seed: 0)
  /// Labels a position.
  package var draws = 1
  /// Of how many neighbouring positions one is looked at for the errors.
  ///
  /// Gradients come through all of them; what neighbours say of an error is
  /// much the same, and a product for each of them would take a quarter of the time.
  package var spacing = 4

  /// `importance` says of a tensor how much its columns matter; reference types are searched with it where it is known.
  package init(_ sequences: [CalibrationSequence], _ matrices: NamedMatrices, importance: [String: [Float]] = [:]) {
    (self.sequences, self.matrices, self.importance) = (sequences, matrices, importance)
  }

  /// Estimates all matrices of the layers, in their order; those that no position reaches cost nothing.
  ///
  /// `progress` is told the matrices that are done.
  /// - Throws: `mismatch` for sequences that are not of this model, `malformed` when gradients are not numbers, and what ends a long run.
  package func layers(
    of model: any Differentiable, _ compute: Compute, progress: (Int) -> Void
  ) throws(CheckpointError) -> [TensorSensitivity] {
    var walk = try LayerWalk(sequences, of: model)
    var starts = try walk.starts(compute)
    // Of each sequence, one for each draw.
    let labels = LabelGradients(model: model, labels: labels, draws: draws)
    var gradients: [[Activations]] = []
    for (index, hidden) in walk.states.enumerated() {
      gradients.append(try labels(hidden, ofSequence: index, rows: sequences[index].sampled, compute))
    }
    let positions = draws * sequences.reduce(0) { $0 + $1.sampled.count }
    var result: [[TensorSensitivity]] = []
    var done = 0
    for layer in (0..<model.layerCount).reversed() {
      let costs = ProductCosts(matrices.layer(layer), importance, spacing: spacing, compute)
      for (index, x) in starts.removeLast().enumerated() {
        try Cancellation.check()
        let pullback = model.pullback(ofLayer: layer, x, turns: walk.turns[index], compute: compute)
        gradients[index] = gradients[index].map { pullback.backward($0, costs.add) }
        if let error = costs.error { throw error }
      }
      result.append(try costs.sensitivities(positions: positions))
      done += result[result.count - 1].count
      progress(done)
    }
    return result.reversed().flatMap { $0 }
  }
}

/// What the errors of the matrices of one layer cost, summed up product by product.
private final class ProductCosts {
  private let compute: Compute
  private let importance: [String: [Float]]
  private let matrices: [NamedMatrices.Named]
  /// Matrices in their reference types, made when they are first seen.
  private var copies: [String: WeightMatrix] = [:]
  private var sums: [String: Double] = [:]
  private(set) var error: CheckpointError?

  /// Of how many rows one is looked at.
  private let spacing: Int
  /// Products that were seen, so that not all of them are looked at in the same rows.
  private var seen = 0

  init(_ matrices: [NamedMatrices.Named], _ importance: [String: [Float]], spacing: Int, _ compute: Compute) {
    (self.matrices, self.importance, self.spacing, self.compute) = (matrices, importance, spacing, compute)
  }

  /// Takes in a product; what goes wrong is in ``error``.
  func add(_ product: ProductGradient) {
    guard error == nil else { return }
    do throws(CheckpointError) {
      guard product.inputs.rows > 0, let copy = try copy(of: product.weight) else { return }
      // g . D x is g . Q x - g . W x, and g W is at hand: one product, and no copy of D.
      let rows = Array(stride(from: seen % min(spacing, product.inputs.rows), to: product.inputs.rows, by: spacing))
      seen += 1
      let inputs = product.inputs.gather(rows, compute)
      let with = product.atOutputs.gather(rows, compute).dots(compute.product(inputs, copy), compute)
      let without = product.atInputs.gather(rows, compute).dots(inputs, compute)
      var sum = 0.0
      for (with, without) in zip(with, without) {
        let change = Double(with) - Double(without)
        sum += change * change / 2
      }
      sums[product.weight.name, default: 0] += sum * Double(product.inputs.rows) / Double(rows.count)
    } catch {
      self.error = error
    }
  }

  /// The rows of a weight in the reference type; nil where it is not one of the matrices or has none.
  private func copy(of weight: WeightMatrix) throws(CheckpointError) -> WeightMatrix? {
    let rows = weight.firstRow..<weight.firstRow + weight.rows
    if let known = copies[weight.name] { return known.rows(rows) }
    guard let matrix = matrices.first(where: { $0.name == weight.name }),
      let type = MeasuredSensitivity.reference(columns: matrix.columns)
    else { return nil }
    let copy = try matrix.encoded(
      as: type, importance: importance[matrix.name], threads: compute.product.pool.threads,
      kernels: compute.product.kernels)
    copies[matrix.name] = copy
    return copy.rows(rows)
  }

  /// The means over so many positions, in the order of the matrices.
  func sensitivities(positions: Int) throws(CheckpointError) -> [TensorSensitivity] {
    var result: [TensorSensitivity] = []
    for matrix in matrices {
      guard let type = MeasuredSensitivity.reference(columns: matrix.columns) else { continue }
      let mean = (sums[matrix.name] ?? 0) / Double(max(1, positions))
      guard mean.isFinite else {
        throw CheckpointError(
          .malformed, "the gradients of the model's predictions are not numbers", tensor: matrix.name)
      }
      result.append(TensorSensitivity(name: matrix.name, type: type, divergence: mean))
    }
    return result
  }
}
