import Libc

/// Divergences of two distributions p and q both ways, of which p is known at some tokens.
///
/// With b = ln p, a = ln q and r = b - a, the divergence is a sum of f = p r - p + q, of which no term is negative. A token that was kept
/// with probability w stands for f / w; the terms -p + q, which add up to nothing, make most of the sample's error cancel.
package struct SampledDivergence {
  /// One of the two directions.
  package struct Direction {
    /// Without bias, whatever q is.
    package private(set) var estimate = 0.0
    /// Over the tokens that are known.
    private var known = 0.0
    /// What rounding may have done to that.
    private var slack = 0.0
    private var terms = (count: 0.0, sum: 0.0, squares: 0.0)

    /// Adds a token that was kept for sure.
    fileprivate mutating func add(_ value: Double, slack: Double) {
      estimate += value
      known += value
      self.slack += slack
    }

    /// Adds a token of the sample, which stands for `share`.
    fileprivate mutating func add(_ value: Double, slack: Double, share: Double) {
      estimate += share
      known += value
      self.slack += slack
      terms.count += 1
      terms.sum += share
      terms.squares += share * share
    }

    /// Adds to the bound what all other tokens together are sure to have.
    fileprivate mutating func close(_ value: Double, slack: Double, isEstimate: Bool) {
      known += max(0, value - slack)
      if isEstimate { estimate += max(0, value) }
    }

    /// The variance of a sample drawn one by one, which is larger than that of the one drawn evenly; and the lower bound.
    package var sure: SampledSum {
      let (count, sum, squares) = terms
      let variance = count > 1 ? max(0, squares - sum * sum / count) * count / (count - 1) : squares
      return SampledSum(variance: variance, lowerBound: max(0, known - slack))
    }
  }

  package private(set) var forward = Direction()
  package private(set) var backward = Direction()
  private var after = 0.0

  package init() {}

  /// Adds a token with ln p = `before`, off by at most `within`, and ln q = `after`; one that is less likely than a threshold was kept with
  /// probability p / threshold.
  package mutating func add(before: Double, after: Double, within: Double, threshold: Double = 0) {
    let (p, q, r) = (exp(before), exp(after), before - after)
    self.after += q
    let (f, g) = (p * r - p + q, p - q - q * r)
    // The derivatives by b are p r and p - q, the second ones p (1 + r) and p.
    let (first, second) = (
      p * within * (abs(r) + (1 + abs(r)) * within), (abs(p - q) + p * within) * within
    )
    guard p < threshold else {
      forward.add(f, slack: first)
      backward.add(g, slack: second)
      return
    }
    let ratio = exp(-r)
    forward.add(f, slack: first, share: threshold * (r - 1 + ratio))
    backward.add(g, slack: second, share: threshold * (1 - ratio - ratio * r))
  }

  /// Takes all tokens that were not added as one, of probability `remaining`: grouping can only lose divergence.
  package mutating func close(remaining p: Double) { close(p, isEstimate: false) }

  /// Takes all tokens that were not added as one, of a probability that is not known but for its limit; there is no sample of them, so that
  /// the least they can have is the estimate too.
  package mutating func close(atMost p: Double) { close(min(p, 1 - after), isEstimate: true) }

  private mutating func close(_ p: Double, isEstimate: Bool) {
    // A difference of sums near one.
    let (q, error) = (1 - after, 1e-13)
    guard p > 0, q > error else { return }
    let ratio = log(p / q)
    forward.close(p * ratio - p + q, slack: abs(1 - p / q) * error, isEstimate: isEstimate)
    backward.close(p - q - q * ratio, slack: abs(ratio) * error, isEstimate: isEstimate)
  }
}
