import Quants
import Base

/// Sees the inputs of a product, [T, columns], before it is computed; the matrix knows its name.
///
/// It is called by the thread that runs the model, one product after another, with the same numbers at any number of threads.
package typealias ProductTap = @Sendable (_ weight: WeightMatrix, _ inputs: Activations) -> Void

/// What the mathematics runs on: the kernels of one level, and the threads.
package struct Compute: Sendable {
  /// The loops between matrix products.
  package let kernels: EngineKernels
  /// Products with weights.
  package let product: MatrixProduct
  /// Sees what every product with weights reads.
  package var tap: ProductTap?
  /// Matrices that are multiplied by in place of the model's of the same names.
  ///
  /// Their rows lie as in the model's file, their columns in the order in which they are multiplied, which is that of GGUF.
  package var replaced: [String: WeightMatrix] = [:]

  /// The best kernels of this machine unless told otherwise.
  package init(threads: Int, kernels: Kernels = .best) {
    self.kernels = EngineKernels(kernels)
    product = MatrixProduct(kernels: kernels, threads: threads)
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
    return product(x, current(weight), of: batch)
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
