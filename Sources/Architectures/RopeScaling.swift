import Base
import Engine

/// How the rotary embedding of a decoder is stretched for long texts, as its files say it.
package enum RopeScaling: Sendable, Equatable {
  case none
  case linear(factor: Double)
  case llama3(factor: Double, low: Double, high: Double, original: Int)
  case yarn(YaRN)
  case longrope(Longrope)
  /// Divisors of the frequencies, which a GGUF keeps in place of Llama 3's parameters.
  case divisors([Float])

  /// The kinds that `rope_type` names.
  package enum Kind: String, Sendable {
    case linear
    /// Stretches only sequences beyond the context length, which no model here is asked to read.
    case dynamic
    case llama3, yarn, longrope
  }

  package struct YaRN: Sendable, Equatable {
    package var factor: Double
    package var original: Int
    /// Turns in the original length from which frequencies stay as they are; nil for 32.
    package var betaFast: Double?
    /// Turns in the original length up to which frequencies are divided; nil for 1.
    package var betaSlow: Double?
    package var truncates = true
    /// What cosines and sines are multiplied by; nil for 1 + ln(factor) / 10.
    package var attentionFactor: Double?
  }

  package struct Longrope: Sendable, Equatable {
    package var short: [Float]
    package var long: [Float]
    package var original: Int
    /// What cosines and sines are multiplied by.
    package var attentionFactor: Float
  }

  /// What the engine turns by, with so many rotated dimensions.
  func rotary(dimension: Int, theta: Double) -> RotaryScaling {
    switch self {
    case .none: return RotaryScaling()
    case .linear(let factor): return .linear(factor: factor, pairs: dimension / 2)
    case .llama3(let factor, let low, let high, let original):
      return .llama3(dimension: dimension, theta: theta, factor: factor, low: low, high: high, original: original)
    case .yarn(let yarn):
      var scaling = RotaryScaling.yarn(
        dimension: dimension, theta: theta, factor: yarn.factor, original: yarn.original,
        betaFast: yarn.betaFast ?? 32, betaSlow: yarn.betaSlow ?? 1, truncates: yarn.truncates)
      if let factor = yarn.attentionFactor { scaling.magnitude = Float(factor) }
      return scaling
    case .longrope(let rope):
      return RotaryScaling(
        divisors: rope.short, longDivisors: rope.long, limit: rope.original, magnitude: rope.attentionFactor)
    case .divisors(let values): return RotaryScaling(divisors: values)
    }
  }

  /// The tensors that GGUF keeps of it.
  func rules(dimension: Int, theta: Double) -> [TensorRule] {
    switch self {
    case .none, .linear, .yarn: []
    case .llama3, .divisors:
      [TensorRule(computed: rotary(dimension: dimension, theta: theta).divisors, Self.divisorsName)]
    case .longrope(let rope):
      [TensorRule(computed: rope.long, Self.longName), TensorRule(computed: rope.short, Self.shortName)]
    }
  }

  static let divisorsName = "rope_freqs.weight"
  static let longName = "rope_factors_long.weight"
  static let shortName = "rope_factors_short.weight"

  /// The fields of `rope_parameters` besides the base.
  ///
  /// - Throws: `unsupported` for divisors that follow from no parameters tried here.
  func json(dimension: Int, theta: Double) throws(CheckpointError) -> [String: OrderedJSON] {
    switch self {
    case .none: return ["rope_type": .string("default")]
    case .linear(let factor): return ["rope_type": .string("linear"), "factor": .number(factor)]
    case .llama3(let factor, let low, let high, let original):
      return [
        "rope_type": .string("llama3"), "factor": .number(factor), "low_freq_factor": .number(low),
        "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(Int64(original)),
      ]
    case .yarn(let yarn):
      var fields: [String: OrderedJSON] = [
        "rope_type": .string("yarn"), "factor": .number(yarn.factor),
        "original_max_position_embeddings": .integer(Int64(yarn.original)), "truncate": .bool(yarn.truncates),
      ]
      fields["beta_fast"] = yarn.betaFast.map { .number($0) }
      fields["beta_slow"] = yarn.betaSlow.map { .number($0) }
      fields["attention_factor"] = yarn.attentionFactor.map { .number($0) }
      return fields
    case .longrope(let rope):
      // Shortest decimals of f32, as the published lists have them.
      func list(_ values: [Float]) -> OrderedJSON {
        .array(values.map { .number(Double($0.description) ?? Double($0)) })
      }
      return [
        "rope_type": .string("longrope"), "short_factor": list(rope.short), "long_factor": list(rope.long),
        "original_max_position_embeddings": .integer(Int64(rope.original)),
      ]
    case .divisors(let values):
      guard let known = Self.solved(values, dimension: dimension, theta: theta) else {
        throw CheckpointError(
          .unsupported,
          "its values follow from no parameters of llama3 that are in use, and a config.json cannot say them otherwise",
          tensor: Self.divisorsName)
      }
      return try known.json(dimension: dimension, theta: theta)
    }
  }

  /// Llama 3's parameters that give these divisors, blended between one and four turns as in all published models; nil for others.
  private static func solved(_ values: [Float], dimension: Int, theta: Double) -> RopeScaling? {
    guard let factor = values.last.map(Double.init), factor >= 1 else { return nil }
    let (low, high) = (1.0, 4.0)
    // A blended frequency tells the original length; where there is none, any between two waves will do.
    let blended = values.enumerated().filter { $1 > 1 && Double($1) < factor }.map { index, value in
      let smooth = (1 / Double(value) - 1 / factor) / (1 - 1 / factor)
      let wave = 2 * Double.pi * Exponential.power(theta, Double(2 * index) / Double(dimension))
      return Int(min(max(2, (wave * (smooth * (high - low) + low)).rounded()), 1e9))
    }
    for original in blended + [8192, 4096, 2048, 16384, 32768, 65536, 131_072] {
      let guess = RopeScaling.llama3(factor: factor, low: low, high: high, original: original)
      if guess.rotary(dimension: dimension, theta: theta).divisors == values { return guess }
    }
    return nil
  }
}

extension MetadataWriter {
  /// The keys of a stretched rotary embedding that are not tensors.
  mutating func scaling(_ scaling: RopeScaling) {
    switch scaling {
    case .none, .llama3, .divisors: break
    case .linear(let factor):
      put("rope.scaling.type", .string("linear"))
      put("rope.scaling.factor", .float32(Float(factor)))
    case .yarn(let yarn):
      put("rope.scaling.type", .string("yarn"))
      put("rope.scaling.factor", .float32(Float(yarn.factor)))
      count("rope.scaling.original_context_length", yarn.original)
      if let beta = yarn.betaFast { put("rope.scaling.yarn_beta_fast", .float32(Float(beta))) }
      if let beta = yarn.betaSlow { put("rope.scaling.yarn_beta_slow", .float32(Float(beta))) }
    case .longrope(let rope): put("rope.scaling.attn_factor", .float32(rope.attentionFactor))
    }
  }
}
