import Engine

/// The mean of every quantity in each window, from which others can compute the intervals anew.
package struct WindowMeans: Sendable {
  /// Scored positions of each window.
  package let counts: [Int]
  /// Window by window, under the names of docs/validation.md; what is not known of every position is left out.
  package let means: [(name: String, values: [Double])]

  /// Takes positions, [window][position].
  init(_ windows: [[PositionComparison]], isBeforeRounded: Bool = false) {
    let quantities: [(String, (PositionComparison) -> Double?)] = [
      ("negative_log_likelihood_before", { isBeforeRounded ? nil : -$0.before }),
      ("negative_log_likelihood", { -$0.after }),
      ("kl_divergence", \.divergence), ("reverse_kl_divergence", \.reverseDivergence),
      ("js_divergence", \.jensenShannon), ("total_variation", \.totalVariation),
      ("top1_agreement", { $0.isSameTop ? 1 : 0 }),
      ("top5_overlap", { Double($0.topShared) / Double(LogitRow.topCount) }),
      ("probability_change", \.probabilityChange),
      ("squared_probability_change", { $0.probabilityChange * $0.probabilityChange }), ("entropy", \.entropy),
    ]
    counts = windows.map(\.count)
    means = quantities.compactMap { name, quantity in
      guard windows.allSatisfy({ $0.allSatisfy { quantity($0) != nil } }) else { return nil }
      return (name, windows.map { window in window.reduce(0) { $0 + (quantity($1) ?? 0) } / Double(window.count) })
    }
  }
}
