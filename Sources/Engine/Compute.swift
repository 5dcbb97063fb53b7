import Quants
import Base

/// Sees the inputs of a product, [T, columns], before they are rounded and it is computed; the matrix knows its name.
///
/// It is called by the thread that runs the model, one product after another, with the same numbers at any number of threads.
package typealias ProductTap = @Sendable (_ weight: WeightMatrix, _ inputs: Activations) -> Void

/// What the mathematics runs on: the kernels of one level, and the threads.
package struct Compute: Sendable {
  /// The loops between matrix products.
  package let kernels: EngineKernels
  /// Products with weights.
  package let product: MatrixProduct
  /// How finely products with weights take their inputs.
  package var precision: Precision
  /// Sees what every product with weights reads.
  package var tap: ProductTap?
  /// Matrices that are multiplied by in place of the model's of the same names.
  ///
  /// Their rows lie as in the model's file, their columns in the order in which they are multiplied, which is that of GGUF.
  package var replaced: [String: WeightMatrix] = [:]

  /// The best kernels of this machine unless told otherwise.
  package init(threads: Int, kernels: Kernels = .best, precision: Precision = .exact) {
    self.kernels = EngineKernels(kernels)
    self.precision = precision
    product = MatrixProduct(kernels: kernels, threads: threads)
  }

  /// The same kernels and threads at a precision.
  package func at(_ precision: Precision) -> Compute {
    var copy = self
    copy.precision = precision
    return copy
  }

  /// Threads that share the work.
  package var threads: Int { product.pool.threads }

  /// x W^T: [T, columns] to [T, rows].
  ///
  /// - Parameters:
  ///   - x: the inputs.
  ///   - weight: the weights.
  ///   - batch: how many tokens these are some of, where a part of a batch is to be computed as the whole would be; nil for all.
  /// - Returns: the outputs.
  package func callAsFunction(_ x: Activations, _ weight: WeightMatrix, of batch: Int? = nil) -> Activations {
    precondition(x.columns == weight.columns, "a weight fits rows of its width")
    tap?(weight, x)
    let weight = current(weight)
    return product(rounded(x, precision.rounding(for: weight.type)), weight, of: batch)
  }

  /// Keys or values as they are remembered: [T, columns].
  package func remembered(_ x: Activations) -> Activations { rounded(x, precision.cacheRounding) }

  /// Rows as they are, or a copy that is rounded.
  private func rounded(_ x: Activations, _ rounding: ActivationRounding?) -> Activations {
    guard let rounding else { return x }
    let result = Activations(rows: x.rows, columns: x.columns)
    each(x.rows, grain: 16) { range in
      for t in range {
        kernels.round(x.base + t * x.columns, as: rounding, into: result.base + t * x.columns, count: x.columns)
      }
    }
    return result
  }

  /// What is multiplied by in place of a matrix: itself, unless it is replaced.
  func current(_ weight: WeightMatrix) -> WeightMatrix {
    guard !replaced.isEmpty, let other = replaced[weight.name] else { return weight }
    precondition(other.columns == weight.columns, "a replacement has the width of the matrix")
    return other.rows(weight.firstRow..<weight.firstRow + weight.rows)
  }

  /// Runs `body` over `0..<count` in ranges of `grain`, shared among the threads.
  ///
  /// A body writes only what belongs to its range, so the number of threads changes nothing.
  package func each(_ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
    product.pool.run(count: (count + grain - 1) / grain) { item, _ in
      body(item * grain..<min(count, (item + 1) * grain))
    }
  }
}
