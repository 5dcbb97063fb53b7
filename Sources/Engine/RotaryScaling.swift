/// How the frequencies of a rotary embedding are stretched for texts longer than those a model was first trained on.
///
/// Every kind comes down to a divisor for each frequency and a factor for cosines and sines.
package struct RotaryScaling: Sendable, Equatable {
  /// One for each pair of rotated dimensions; empty where nothing is divided.
  package var divisors: [Float] = []
  /// Those for sequences of more than `limit` tokens, where longer ones are turned otherwise.
  package var longDivisors: [Float]?
  /// The most tokens of a sequence that `divisors` are for; only with `longDivisors`.
  package var limit = Int.max
  /// What cosines and sines are multiplied by.
  package var magnitude: Float = 1

  package init(divisors: [Float] = [], longDivisors: [Float]? = nil, limit: Int = .max, magnitude: Float = 1) {
    (self.divisors, self.longDivisors, self.limit, self.magnitude) = (divisors, longDivisors, limit, magnitude)
  }

  func divisors(length: Int) -> [Float] { length > limit ? longDivisors ?? divisors : divisors }
}

extension RotaryScaling {
  /// Every frequency divided by the same factor (`linear`).
  package static func linear(factor: Double, pairs: Int) -> RotaryScaling {
    RotaryScaling(divisors: [Float](repeating: Float(factor), count: pairs))
  }

  /// Llama 3's way.
  ///
  /// Waves longer than `original / low` are slowed by the factor, those shorter than `original / high` are not, and in between it is blended.
  /// Worked out in f32, as llama.cpp's converter does.
  package static func llama3(
    dimension: Int, theta: Double, factor: Double, low: Double, high: Double, original: Int
  ) -> RotaryScaling {
    let plain = RotaryEmbedding(dimension: dimension, theta: theta)
    let (lowWave, highWave) = (Double(original) / low, Double(original) / high)
    return RotaryScaling(
      divisors: plain.inverseFrequencies.map { frequency in
        let wave = Float(2 * Double.pi) / frequency
        if Double(wave) < highWave { return 1 }
        if Double(wave) > lowWave { return Float(factor) }
        let smooth = (Float(original) / wave - Float(low)) / Float(high - low)
        return 1 / ((1 - smooth) / Float(factor) + smooth)
      })
  }

  /// YaRN's way.
  ///
  /// Slow waves are divided by the factor, fast ones are not, with a ramp between the frequencies that turn `betaSlow` and `betaFast` times in the
  /// original length; cosines and sines grow with the logarithm of the factor. `truncates` says whether the ends of the ramp are rounded to
  /// whole pairs, outwards.
  package static func yarn(
    dimension: Int, theta: Double, factor: Double, original: Int, betaFast: Double, betaSlow: Double, truncates: Bool
  ) -> RotaryScaling {
    let last = Double(dimension - 1)
    /// The pair, with a fraction, whose wave turns so many times in the original length.
    func pair(turns: Double) -> Double {
      Double(dimension) * Exponential.logarithm(Double(original) / (turns * 2 * Double.pi))
        / (2 * Exponential.logarithm(theta))
    }
    var (low, high) = (pair(turns: betaFast), pair(turns: betaSlow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, last))
    // Ends that meet would divide by zero.
    let width = low == high ? 0.001 : high - low
    return RotaryScaling(
      divisors: (0..<dimension / 2).map { i in
        let ramp = min(max(Float((Double(i) - low) / width), 0), 1)
        return 1 / ((1 - ramp) + ramp / Float(factor))
      }, magnitude: factor <= 1 ? 1 : Float(0.1 * Exponential.logarithm(factor) + 1))
  }
}
