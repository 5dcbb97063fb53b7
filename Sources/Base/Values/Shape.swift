/// The dimensions of a tensor, outermost first, with a product known to fit.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
  /// Lengths, outermost first; empty for a scalar.
  package let dimensions: [Int]
  /// The product of all dimensions; 1 for a scalar.
  package let elementCount: Int

  /// Creates a shape from numbers the program itself computed.
  ///
  /// - Precondition: no dimension is negative and the product fits in `Int`.
  package init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "a shape has no negative dimension")
    self.dimensions = dimensions
    self.elementCount = dimensions.reduce(1, *)
  }

  /// Creates a shape from numbers found in a file.
  ///
  /// - Throws: `malformed` when a dimension or the product of all does not fit in 63 bits.
  package init(checking dimensions: [UInt64]) throws(CheckpointError) {
    var count: UInt64 = 1
    for dimension in dimensions where dimension != 0 {
      // Zero dimensions are skipped, so that no order of dimensions can hide an overflow.
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard !overflow, product <= UInt64(Int.max) else {
        throw CheckpointError(.malformed, "the product of the shape \(dimensions) overflows")
      }
      count = product
    }
    self.init(dimensions.map { Int($0) })
  }

  /// All dimensions but the last, multiplied; 1 for vectors and scalars.
  package var rows: Int { dimensions.dropLast().reduce(1, *) }

  /// The last dimension: the weights of one row; 1 for a scalar.
  package var columns: Int { dimensions.last ?? 1 }

  /// The number of dimensions.
  package var rank: Int { dimensions.count }

  /// For example `[4096, 256]`.
  package var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
