/// Percentiles of many values, linear between order statistics at rank f (n - 1), as numpy and llama-perplexity have them.
package struct Percentiles: Sendable {
  /// All of them, the least first.
  let sorted: [Double]

  package init(_ values: [Double]) {
    precondition(!values.isEmpty, "percentiles are of something")
    sorted = values.sorted()
  }

  /// The value below which a share of all lies.
  package subscript(share: Double) -> Double {
    let rank = share * Double(sorted.count - 1)
    let low = Int(rank)
    guard low + 1 < sorted.count else { return sorted[sorted.count - 1] }
    return sorted[low] + (sorted[low + 1] - sorted[low]) * (rank - Double(low))
  }

  package var least: Double { sorted[0] }
  package var largest: Double { sorted[sorted.count - 1] }
  package var count: Int { sorted.count }
}
