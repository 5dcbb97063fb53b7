import Base
import Containers
import Engine

/// The hyper-parameters that every decoder has, each checked against its range before anything is computed from it.
package struct DecoderConfiguration: Sendable, Equatable {
  package var hiddenSize: Int
  package var layerCount: Int
  /// Width of a dense feed-forward part; zero in a family whose layers have experts alone.
  package var intermediateSize: Int
  package var headCount: Int
  package var keyValueHeadCount: Int
  /// Width of one attention head.
  package var headDimension: Int
  package var rmsEpsilon: Float
  package var ropeTheta: Double
  /// Leading dimensions of a head that are rotated, even.
  package var rotaryDimension: Int
  /// How the rotary embedding is stretched for long texts.
  package var ropeScaling: RopeScaling
  /// Frequencies that follow time, height and width; three numbers that sum to `rotaryDimension / 2`, or none.
  package var mropeSection: [Int]
  package var vocabularySize: Int
  /// Whether the head is the embedding table.
  package var tied: Bool
  /// Multi-token-prediction layers for which tensors exist (0 or 1).
  package var mtpLayers: Int
  package var contextLength: Int
  /// End-of-sequence token of the configuration file, where it has one.
  package var endOfSequence: Int?

  /// Largest width of a row of numbers: 512 tokens of it take 256 MiB.
  ///
  /// Published models stay below a tenth of it.
  package static let widthLimit = 1 << 17
  /// Most floats that all layers together set aside for a sequence of one token: 512 MiB.
  package static let stateLimit = 1 << 27

  /// Reads and checks the fields.
  ///
  /// - Throws: `missing` or `malformed`, naming the key and its rule; `unsupported` for a choice that only other families have.
  package init(_ source: DecoderSource, family: String, _ defaults: Defaults) throws(CheckpointError) {
    typealias Key = ConfigurationReader.Key
    let (text, rope) = (source.text, source.rope)
    let width = 1...Self.widthLimit
    let heads = 1...4096
    hiddenSize = try text.integer(Key("hidden_size", "embedding_length"), in: width)
    intermediateSize = try text.integer(
      Key("intermediate_size", "feed_forward_length"), in: width, fallback: defaults.intermediateSize)
    headCount = try text.integer(
      Key("num_attention_heads", "attention.head_count"), in: heads, fallback: defaults.headCount)
    let keyValueHeads = Key("num_key_value_heads", "attention.head_count_kv")
    // A null means as many, whatever the family does without the key.
    let keyValueDefault = text.value(keyValueHeads.huggingFace) == nil ? defaults.keyValueHeadCount : nil
    keyValueHeadCount = try text.integer(
      keyValueHeads, in: heads, fallback: source.isGGUF ? headCount : keyValueDefault ?? headCount)
    guard headCount % keyValueHeadCount == 0 else {
      throw text.broken(keyValueHeads, "(\(keyValueHeadCount)) must divide the \(headCount) attention heads")
    }
    let headWidth = Key("head_dim", "attention.key_length")
    let headDefault = source.isGGUF ? nil : defaults.headDimension
    headDimension = try text.integer(
      headWidth, in: 1...65536, fallback: headDefault ?? max(1, hiddenSize / headCount))
    guard 2 * headCount * headDimension <= Self.widthLimit else {
      throw text.broken(headWidth, "gives queries and gates wider than \(Self.widthLimit)")
    }
    let valueWidth = Key("head_dim", "attention.value_length")
    guard try text.integer(valueWidth, in: 1...65536, fallback: headDimension) == headDimension else {
      throw text.broken(valueWidth, "must equal the width of keys (\(headDimension))")
    }
    rmsEpsilon = Float(
      try text.positive(
        Key("rms_norm_eps", "attention.layer_norm_rms_epsilon"), upTo: 1, fallback: defaults.rmsEpsilon))
    contextLength = try text.integer(
      Key("max_position_embeddings", "context_length"), in: 1...(1 << 30), fallback: defaults.contextLength)

    if defaults.scalings.isEmpty { try source.refuseScaledRotary("\(family) uses the default rotary embedding") }
    // What GGUFs without the key mean is llama.cpp's, whatever the family's is.
    let baseDefault = source.isGGUF ? defaults.ropeTheta.map { _ in 10_000 } : defaults.ropeTheta
    ropeTheta = try rope.positive(Key("rope_theta", "rope.freq_base"), upTo: 1e15, fallback: baseDefault)
    let rotary = Key("partial_rotary_factor", "rope.dimension_count")
    let part = Double(headDimension) * defaults.rotaryPart
    rotaryDimension =
      source.isGGUF
      ? try rope.integer(rotary, in: 2...65536, fallback: Int(part))
      : Int(Double(headDimension) * (try rope.positive(rotary, upTo: 1, fallback: defaults.rotaryPart)))
    guard rotaryDimension >= 2, rotaryDimension % 2 == 0, rotaryDimension <= headDimension else {
      throw rope.broken(
        rotary, "gives \(rotaryDimension) rotated dimensions; they must be even, 2 to \(headDimension)")
    }
    ropeScaling =
      defaults.scalings.isEmpty
      ? .none
      : try RopeScaling(
        source,
        RopeScaling.Context(
          kinds: defaults.scalings, contextLength: contextLength, dimension: rotaryDimension, theta: ropeTheta,
          truncates: defaults.truncatesYaRN))
    mropeSection = []
    if let fallback = defaults.mropeSection {
      let key = Key("mrope_section", "rope.dimension_sections")
      let section = try rope.integers(key, in: 0...32768, count: 3...4) ?? fallback
      mropeSection = Array(section.prefix(3))
      guard section.reduce(0, +) == rotaryDimension / 2, section.count == 3 || section[3] == 0 else {
        throw rope.broken(key, "\(section) must sum to \(rotaryDimension / 2), half the rotated dimensions")
      }
    }

    if let config = source.config {
      layerCount = try text.integer(Key("num_hidden_layers", ""), in: 1...4096)
      vocabularySize = try text.integer(Key("vocab_size", ""), in: 1...(1 << 26), fallback: defaults.vocabularySize)
      tied = try HeadTying.flag(config, fallback: source.tiesByDefault, file: source.file).isTied
      mtpLayers = source.names.mtp == nil ? 0 : 1
    } else {
      guard let table = source.shapes[BinaryString("token_embd.weight")], table.rank == 2 else {
        throw CheckpointError(.missing, "token_embd.weight is missing or not a matrix", file: source.file)
      }
      vocabularySize = table.rows
      tied = source.shapes[BinaryString("output.weight")] == nil
      (layerCount, mtpLayers) = try source.blocks()
    }
    endOfSequence = try source.endOfSequence(vocabularySize)
  }

  /// Refuses layers that together remember more than any model: few bytes of weights can ask for gigabytes of state.
  ///
  /// Of the layers, `recurrent` have no cache but a memory of so many numbers.
  package func checkState(
    _ source: DecoderSource, recurrent: Int = 0, memory: Int = 0
  ) throws(CheckpointError) {
    // Caches grow by 64 positions of keys and values.
    let state = recurrent * memory + (layerCount - recurrent) * keyValueHeadCount * headDimension * 2 * 64
    guard state <= Self.stateLimit else {
      throw source.text.broken(
        ConfigurationReader.Key("num_hidden_layers", "block_count"),
        "(\(layerCount)) makes the state of a sequence \(state) numbers large; the most is \(Self.stateLimit)")
    }
  }

  /// The fields of `config.json` that every family has, those of its text model.
  ///
  /// - Throws: `unsupported` when its rotary embedding cannot be said there.
  package func json() throws(CheckpointError) -> [String: OrderedJSON] {
    var fields: [String: OrderedJSON] = [
      "dtype": .string("bfloat16"), "use_cache": .bool(true), "tie_word_embeddings": .bool(tied),
      "rms_norm_eps": .number(Double(rmsEpsilon.description) ?? Double(rmsEpsilon)),
    ]
    let counts = [
      "hidden_size": hiddenSize, "intermediate_size": intermediateSize, "num_attention_heads": headCount,
      "num_key_value_heads": keyValueHeadCount, "head_dim": headDimension, "num_hidden_layers": layerCount,
      "max_position_embeddings": contextLength, "vocab_size": vocabularySize, "eos_token_id": endOfSequence,
    ]
    for (key, value) in counts { fields[key] = value.map { .integer(Int64($0)) } }
    if intermediateSize == 0 { fields["intermediate_size"] = nil }
    var rope = try ropeScaling.json(dimension: rotaryDimension, theta: ropeTheta)
    rope["rope_theta"] = .decimal(ropeTheta)
    if rotaryDimension != headDimension {
      rope["partial_rotary_factor"] = .number(Double(rotaryDimension) / Double(headDimension))
    }
    if !mropeSection.isEmpty {
      rope["mrope_interleaved"] = .bool(true)
      rope["mrope_section"] = .array(mropeSection.map { .integer(Int64($0)) })
    }
    fields["rope_parameters"] = .object(OrderedObject(sorted: rope))
    return fields
  }
}

extension DecoderConfiguration {
  /// The rotary embedding of layers that see everything.
  package var rotary: RotaryEmbedding {
    RotaryEmbedding(
      dimension: rotaryDimension, theta: ropeTheta, sections: mropeSection,
      scaling: ropeScaling.rotary(dimension: rotaryDimension, theta: ropeTheta))
  }

  /// The tensors that GGUF keeps of it.
  package var rotaryRules: [TensorRule] { ropeScaling.rules(dimension: rotaryDimension, theta: ropeTheta) }
}

extension OrderedJSON {
  /// A number that is written without a fraction where it has none.
  package static func decimal(_ value: Double) -> OrderedJSON {
    Int64(exactly: value).map { .integer($0) } ?? .number(value)
  }
}

extension OrderedObject {
  /// Fields in the order of their names, as published configurations have them.
  package init(sorted fields: [String: OrderedJSON]) {
    self.init()
    for (key, value) in fields.sorted(by: { $0.key < $1.key }) { self[key] = value }
  }
}
