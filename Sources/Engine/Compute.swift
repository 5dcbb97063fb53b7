import Quants
import Base

/// What the mathematics runs on: the kernels of one level, and the threads.
package struct Compute: Sendable {
  /// The loops between matrix products.
  package let kernels: EngineKernels
  /// Products with weights.
  package let product: MatrixProduct

  /// The best kernels of this machine unless told otherwise.
  package init(threads: Int, kernels: Kernels = .best) {
    self.kernels = EngineKernels(kernels)
    product = MatrixProduct(kernels: kernels, threads: threads)
  }

  /// Threads that share the work.
  var threads: Int { product.pool.threads }

  /// x W^T: [T, columns] to [T, rows].
  package func callAsFunction(_ x: Activations, _ weight: WeightMatrix) -> Activations {
    precondition(x.columns == weight.columns, "a weight fits rows of its width")
    let result = Activations(rows: x.rows, columns: weight.rows)
    x.withElements { x in
      result.withElements { y in
        product.multiply(UnsafeBufferPointer(x), tokens: result.rows, by: weight, into: y)
      }
    }
    return result
  }

  /// Runs `body` over `0..<count` in ranges of `grain`, shared among the threads.
  ///
  /// A body writes only what belongs to its range, so the number of threads changes nothing.
  func each(_ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
    product.pool.run(count: (count + grain - 1) / grain) { item, _ in
      body(item * grain..<min(count, (item + 1) * grain))
    }
  }
}
