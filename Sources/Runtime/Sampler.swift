import Engine

/// Chooses the next token from logits, always the same way for the same seed.
package struct Sampler: Sendable {
  /// Zero decodes greedily.
  package var temperature: Float
  /// Only the `topK` likeliest tokens take part; zero for all.
  package var topK: Int
  /// Only the likeliest tokens that together reach this probability take part; one for all.
  package var topP: Float
  private var generator: SplitMix64

  /// A greedy sampler unless a temperature is given.
  package init(temperature: Float = 0, topK: Int = 0, topP: Float = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    generator = SplitMix64(state: seed)
  }

  /// The likeliest token, the lowest id among equals.
  static func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    for i in logits.indices where logits[i] > logits[best] || logits[best].isNaN { best = i }
    return Int32(best)
  }

  /// The chosen token: the likeliest one (the lowest id among equals) or a drawn one.
  package mutating func sample(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    let best = Int(Self.likeliest(logits))
    guard temperature > 0, logits[best].isFinite else { return Int32(best) }

    // Tokens less likely than e^-25 of the best are never drawn and would only make sorting slow.
    let floor = logits[best] - 25 * temperature
    var candidates: [(token: Int32, logit: Float)] = []
    for i in logits.indices where logits[i] >= floor { candidates.append((Int32(i), logits[i])) }
    candidates.sort { $0.logit > $1.logit || ($0.logit == $1.logit && $0.token < $1.token) }
    if topK > 0 { candidates.removeLast(max(0, candidates.count - topK)) }

    var weights = candidates.map { Exponential.exp(($0.logit - logits[best]) / temperature) }
    let total = weights.reduce(0, +)
    var kept = 0
    var mass: Float = 0
    while kept < weights.count, kept == 0 || mass < topP * total {
      mass += weights[kept]
      kept += 1
    }
    weights.removeLast(weights.count - kept)

    var draw = generator.nextUnit() * mass
    for (candidate, weight) in zip(candidates, weights) {
      draw -= weight
      if draw < 0 { return candidate.token }
    }
    return candidates[kept - 1].token
  }
}

/// The generator of Steele, Lea and Flood (2014): one 64-bit word of state.
package struct SplitMix64: Sendable {
  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  private var state: UInt64

  package init(state: UInt64) { self.state = state }

  /// The number of a place in the sequence that begins with `seed`: from 0 up to, but not including, 1.
  package static func unit(_ place: Int, seed: UInt64) -> Double {
    var generator = SplitMix64(state: seed &+ UInt64(place) &* step)
    return Double(generator.next() >> 11) * 0x1p-53
  }

  package mutating func next() -> UInt64 {
    state &+= Self.step
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number from 0 up to, but not including, 1.
  mutating func nextUnit() -> Float { Float(next() >> 40) / 16_777_216 }
}
