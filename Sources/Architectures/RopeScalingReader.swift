import Base
import Engine

extension RopeScaling {
  private typealias Key = ConfigurationReader.Key

  /// What a decoder needs to know of itself to read how it is stretched.
  struct Context {
    /// The kinds its family knows.
    let kinds: Set<Kind>
    let contextLength: Int
    /// Rotated dimensions.
    let dimension: Int
    let theta: Double
    /// Whether the family's YaRN rounds the ends of its ramp, where files do not say.
    let truncates: Bool
  }

  /// Reads the fields of a configuration, or of GGUF metadata and the tensors beside them.
  ///
  /// - Throws: `unsupported` for a kind that the family does not have, `malformed` and `missing` naming the field and its rule.
  init(_ source: DecoderSource, _ context: Context) throws(CheckpointError) {
    guard source.isGGUF else {
      self = try Self.written(source.rope, context)
      return
    }
    let stored = try Self.stored(source, context)
    // GGUF leaves out some of it; a configuration that was carried along and says the same otherwise has the rest.
    if let rope = source.carriedRope, let carried = try? Self.written(rope, context),
      carried.isSame(as: stored, context)
    {
      self = carried
    } else {
      self = stored
    }
  }

  /// Whether a GGUF that was made of this would say what `stored` does.
  private func isSame(as stored: RopeScaling, _ context: Context) -> Bool {
    switch (self, stored) {
    case (.yarn(let a), .yarn(let b)): Float(a.factor) == Float(b.factor) && a.original == b.original
    case (.llama3, .divisors(let values)):
      rotary(dimension: context.dimension, theta: context.theta).divisors == values
    default: false
    }
  }

  /// What `rope_parameters` or `rope_scaling` say.
  private static func written(_ rope: ConfigurationReader, _ context: Context) throws(CheckpointError) -> RopeScaling {
    // `type` is the name of older files; `su` was longrope's first name, and `mrope` that of the default one with sections.
    let key = ["rope_type", "type"].first { rope.has(Key($0, "")) }
    guard let key else { return .none }
    let name = rope.text(key)
    if name == "default" || name == "mrope" { return .none }
    guard let kind = name.flatMap({ Kind(rawValue: $0 == "su" ? "longrope" : $0) }), context.kinds.contains(kind) else {
      throw rope.broken(
        Key(key, ""),
        "is \(name.map { shortened($0) } ?? "not a text"); this family has "
          + (["default"] + context.kinds.map(\.rawValue).sorted()).joined(separator: ", "), code: .unsupported)
    }
    let factor = Key("factor", "")
    let original = Key("original_max_position_embeddings", "")
    func length() throws(CheckpointError) -> Int {
      try rope.integer(original, in: 2...(1 << 30), fallback: context.contextLength)
    }
    switch kind {
    case .dynamic: return .none
    case .linear: return .linear(factor: try rope.positive(factor, upTo: 1e6))
    case .llama3:
      let (low, high) = (Key("low_freq_factor", ""), Key("high_freq_factor", ""))
      let bounds = (try rope.positive(low, upTo: 1e6), try rope.positive(high, upTo: 1e6))
      guard bounds.0 < bounds.1 else { throw rope.broken(high, "must be above low_freq_factor (\(bounds.0))") }
      return .llama3(
        factor: try rope.positive(factor, upTo: 1e6), low: bounds.0, high: bounds.1,
        original: try rope.integer(original, in: 2...(1 << 30)))
    case .yarn:
      for name in ["mscale", "mscale_all_dim"] where rope.has(Key(name, "")) {
        throw rope.broken(Key(name, ""), "is not known for this family", code: .unsupported)
      }
      let original = try length()
      return .yarn(
        try YaRN(
          factor: rope.positive(factor, upTo: 1e6, fallback: Double(context.contextLength) / Double(original)),
          original: original, betaFast: optional(rope, Key("beta_fast", "")),
          betaSlow: optional(rope, Key("beta_slow", "")),
          truncates: rope.bool(Key("truncate", ""), fallback: context.truncates),
          attentionFactor: optional(rope, Key("attention_factor", ""))))
    case .longrope:
      let original = try length()
      let given = try optional(rope, Key("attention_factor", ""))
      return .longrope(
        Longrope(
          short: try factors(rope, "short_factor", context), long: try factors(rope, "long_factor", context),
          original: original,
          attentionFactor: Float(given ?? attentionFactor(context.contextLength, over: original))))
    }
  }

  /// sqrt(1 + ln s / ln original), s being by how much sequences are longer than the original ones.
  private static func attentionFactor(_ length: Int, over original: Int) -> Double {
    guard length > original else { return 1 }
    let ratio = Exponential.logarithm(Double(length) / Double(original)) / Exponential.logarithm(Double(original))
    return (1 + ratio).squareRoot()
  }

  private static func optional(_ rope: ConfigurationReader, _ key: Key) throws(CheckpointError) -> Double? {
    rope.has(key) ? try rope.positive(key, upTo: 1e6) : nil
  }

  private static func factors(
    _ rope: ConfigurationReader, _ key: String, _ context: Context
  ) throws(CheckpointError) -> [Float] {
    let values = rope.value(key)?.arrayValue?.compactMap(\.doubleValue) ?? []
    guard values.count == context.dimension / 2, values.allSatisfy({ $0.isFinite && $0 > 0 && $0 <= 1e6 }) else {
      throw rope.broken(
        Key(key, ""), "must be a list of \(context.dimension / 2) numbers above 0, one for each frequency")
    }
    return values.map { Float($0) }
  }

  /// What the metadata of a GGUF say, and the tensors beside them.
  private static func stored(_ source: DecoderSource, _ context: Context) throws(CheckpointError) -> RopeScaling {
    let rope = source.rope
    let (type, factor) = (Key("", "rope.scaling.type"), Key("", "rope.scaling.factor"))
    let original = Key("", "rope.scaling.original_context_length")
    let attention = Key("", "rope.scaling.attn_factor")
    func length() throws(CheckpointError) -> Int {
      try rope.integer(original, in: 2...(1 << 30), fallback: context.contextLength)
    }
    if context.kinds.contains(.longrope), let long = try source.vector(longName, count: context.dimension / 2),
      let short = try source.vector(shortName, count: context.dimension / 2)
    {
      let original = try length()
      let computed = attentionFactor(context.contextLength, over: original)
      return .longrope(
        Longrope(
          short: short, long: long, original: original,
          attentionFactor: Float(try rope.positive(attention, upTo: 1e6, fallback: computed))))
    }
    if context.kinds.contains(.llama3), let divisors = try source.vector(divisorsName, count: context.dimension / 2) {
      return .divisors(divisors)
    }
    let name = rope.name(type)
    switch name.flatMap(Kind.init(rawValue:)) {
    case .linear? where context.kinds.contains(.linear):
      return .linear(factor: try rope.positive(factor, upTo: 1e6))
    case .yarn? where context.kinds.contains(.yarn):
      guard try rope.positive(attention, upTo: 1e6, fallback: 1) == 1 else {
        throw rope.broken(attention, "is not 1, which is not known for YaRN", code: .unsupported)
      }
      func optional(_ name: String) throws(CheckpointError) -> Double? {
        try self.optional(rope, Key("", "rope.scaling." + name))
      }
      return .yarn(
        YaRN(
          factor: try rope.positive(factor, upTo: 1e6), original: try length(),
          betaFast: try optional("yarn_beta_fast"), betaSlow: try optional("yarn_beta_slow"),
          truncates: context.truncates))
    default:
      try source.refuseScaledRotary("this family does not know it")
      return .none
    }
  }
}
