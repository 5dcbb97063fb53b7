import Base
import Engine

/// A product with a matrix of weights, and a bias where there is one.
struct Projection: Sendable {
  let weight: WeightMatrix
  /// One number for each output; nil for none.
  var bias: [Float]?
  /// How outputs have to change places to lie as in the published model.
  var order: BlockPermutation?

  /// [T, columns] to [T, rows].
  func callAsFunction(_ x: Activations, _ compute: Compute) -> Activations {
    let y = compute(x, weight)
    if let bias { y.add(bias: bias, compute) }
    return order.map { y.ordered($0, compute) } ?? y
  }
}

extension WeightLoader {
  /// The matrix `name.weight`, and `name.bias` where the family has one.
  func projection(_ name: String) throws(CheckpointError) -> Projection {
    let bias = name + ".bias"
    return Projection(
      weight: try matrix(name + ".weight"), bias: has(bias) ? try values(bias) : nil,
      order: rowOrder(name + ".weight"))
  }
}
