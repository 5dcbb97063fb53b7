/// ln of a sum of exponentials, taken in piece by piece.
package struct RunningSum: Sendable {
  /// The largest value so far; the sum is kept relative to it.
  private var largest = -Float.infinity
  private var sum = 0.0

  /// The sum of nothing.
  package init() {}

  /// Takes in further values.
  package mutating func add(_ values: Span<Float>, _ kernels: EngineKernels) {
    if !values.isEmpty { add(Floats(reading: values), count: values.count, kernels) }
  }

  private mutating func add(_ values: Floats, count: Int, _ kernels: EngineKernels) {
    let newest = kernels.maximum(values, count: count)
    if newest > largest {
      sum *= Exponential.exp(Double(largest) - Double(newest))
      largest = newest
    }
    sum += kernels.sumOfExponentials(values, minus: largest, count: count)
  }

  /// ln of the sum of e^value over all values taken in.
  package var logarithm: Double { Double(largest) + Exponential.logarithm(sum) }

  /// Takes one row of `values` into each of the sums.
  package static func add(_ values: Activations, to sums: inout [RunningSum], _ compute: Compute) {
    precondition(values.rows == sums.count, "a sum for each row")
    sums.withUnsafeMutableBufferPointer { sums in
      let shared = Borrowed(sums)
      compute.each(sums.count, grain: 8) { part in
        for row in part {
          shared.value[row].add(values.base + row * values.columns, count: values.columns, compute.kernels)
        }
      }
    }
  }
}
