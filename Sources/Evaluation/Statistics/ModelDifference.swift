/// Which of two models after lost less, by the same windows.
package struct ModelDifference: Sendable {
  /// Their numbers.
  package let first: Int
  package let second: Int
  /// Mean divergence of the first minus that of the second, with the error of the paired difference.
  package let difference: Estimate
  /// The probability of a difference like this between equals, corrected for all pairs of the table (Holm); nil for fewer than two windows.
  package private(set) var probability: Double?
  /// Both have the best level, where a smaller number means nothing.
  package let areEquals: Bool

  /// The number of the one that lost less; nil where this text does not tell.
  package var better: Int? {
    guard let probability, probability < 0.05, !areEquals else { return nil }
    return difference.value < 0 ? first : second
  }

  /// Compares every two models after; `divergences` are [model][window][position], `levels` those of the models.
  static func all(_ divergences: [[[Double]]], _ levels: [FidelityLevel]) -> [ModelDifference] {
    var result: [ModelDifference] = []
    for first in divergences.indices {
      for second in divergences.indices.dropFirst(first + 1) {
        let difference = Estimate(
          zip(divergences[first], divergences[second]).map { a, b in WindowSum(Array(zip(a, b))) { $0 - $1 } })
        result.append(
          ModelDifference(
            first: first, second: second, difference: difference,
            probability: chance(difference, windows: divergences[first].count),
            areEquals: levels[first] == .transparent && levels[second] == .transparent))
      }
    }
    correct(&result)
    return result
  }

  /// The probability of a mean as far from zero as this where the truth is zero, by Student's t.
  private static func chance(_ difference: Estimate, windows: Int) -> Double? {
    guard let error = difference.standardError else { return nil }
    guard error > 0 else { return difference.value == 0 ? 1 : 0 }
    return 2 * (1 - StudentT.below(abs(difference.value) / error, windows - 1))
  }

  /// Holm: the smallest probability counts as often as there are pairs, the next once less, and none is smaller than one before it.
  private static func correct(_ pairs: inout [ModelDifference]) {
    let order = pairs.indices.filter { pairs[$0].probability != nil }.sorted {
      (pairs[$0].probability ?? 1, $0) < (pairs[$1].probability ?? 1, $1)
    }
    var least = 0.0
    for (rank, index) in order.enumerated() {
      least = max(least, min(1, (pairs[index].probability ?? 1) * Double(order.count - rank)))
      pairs[index].probability = least
    }
  }
}
