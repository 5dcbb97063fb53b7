import Engine

/// Which token is drawn from a distribution: the answer depends on a seed and on where the distribution stands, and on nothing else.
package struct SampledLabels: Sendable {
  package let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  /// A number from 0 up to, but not including, 1.
  ///
  /// Source of the mixing: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), a step for each part
  /// of the place.
  package func uniform(sequence: Int, position: Int, draw: Int) -> Double {
    var state = Self.next(seed)
    for part in [sequence, position, draw] { state = Self.next(state ^ UInt64(part)) }
    return Double(state >> 11) / 9_007_199_254_740_992
  }

  /// The first output of a generator with this state.
  package static func next(_ state: UInt64) -> UInt64 {
    var z = state &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The token at a number between 0 and 1 of a distribution that need not add up to exactly one.
  package static func token(at number: Double, of shares: UnsafeBufferPointer<Float>) -> Int {
    // Pieces first: a vocabulary is long.
    let piece = 256
    var sums: [Double] = []
    for first in stride(from: 0, to: shares.count, by: piece) {
      var sum: Float = 0
      for i in first..<min(shares.count, first + piece) { sum += shares[i] }
      sums.append(Double(sum))
    }
    var left = number * sums.reduce(0, +)
    var first = 0
    for sum in sums {
      if left < sum { break }
      left -= sum
      first += piece
    }
    var last = 0
    for i in min(first, max(0, (sums.count - 1) * piece))..<shares.count where shares[i] > 0 {
      last = i
      left -= Double(shares[i])
      if left < 0 { break }
    }
    return last
  }
}
