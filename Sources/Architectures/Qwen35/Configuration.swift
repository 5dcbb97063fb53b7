import Containers
import Base

extension Qwen35 {
  /// The hyper-parameters of a Qwen3.5, every field checked before anything is computed from it.
  ///
  /// Source: `config.json` (nested `text_config`, or flat as `qwen3_5_text`), or GGUF metadata under `qwen35.`.
  package struct Configuration: Sendable, Equatable {
    package var hiddenSize: Int
    package var layerCount: Int
    package var intermediateSize: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    /// Width of one attention head.
    package var headDimension: Int
    package var linearKeyHeads: Int
    package var linearValueHeads: Int
    package var linearKeyHeadDimension: Int
    package var linearValueHeadDimension: Int
    /// Taps of the causal convolution.
    package var convolutionKernel: Int
    package var rmsEpsilon: Float
    package var ropeTheta: Double
    /// Leading dimensions of a head that are rotated, even.
    package var rotaryDimension: Int
    /// Frequencies that follow time, height and width; three numbers that sum to `rotaryDimension / 2`.
    package var mropeSection: [Int]
    /// One entry a decoder layer: true for gated attention, false for gated delta net.
    package var layerIsFull: [Bool]
    package var fullAttentionInterval: Int
    package var vocabularySize: Int
    /// Whether the head is the embedding table.
    package var tied: Bool
    /// Multi-token-prediction layers for which tensors exist (0 or 1).
    package var mtpLayers: Int
    package var contextLength: Int
    /// End-of-sequence token of the configuration file, where it has one.
    package var endOfSequence: Int?
    package var imageTokenID: Int?
    package var videoTokenID: Int?
    package var visionStartTokenID: Int?
    package var visionEndTokenID: Int?
    package var vision: Vision?

    /// Rows of q (or k) in a linear layer.
    package var linearKeyWidth: Int { linearKeyHeads * linearKeyHeadDimension }
    /// Rows of v in a linear layer.
    package var linearValueWidth: Int { linearValueHeads * linearValueHeadDimension }
    /// Channels of the convolution: q, k, then v.
    package var convolutionChannels: Int { 2 * linearKeyWidth + linearValueWidth }
    /// Value heads for each key head.
    package var valueHeadRatio: Int { linearValueHeads / linearKeyHeads }
  }

  /// Largest width of a row of numbers: 512 tokens of it take 256 MiB.
  ///
  /// Published models stay below a tenth of it.
  static let widthLimit = 1 << 17
  /// Most floats in the memory of one delta net layer, 64 MiB; the largest published layers have a thirtieth of it.
  static let layerMemoryLimit = 1 << 24
  /// Most floats that all layers together set aside for a sequence of one token: 512 MiB.
  static let stateLimit = 1 << 27
}

extension Qwen35.Configuration {
  private typealias Key = ConfigurationReader.Key

  /// Reads and checks the fields both sources share; the layer kinds, head and MTP block are decided by the callers.
  init(shared reader: ConfigurationReader, rope: ConfigurationReader, gguf: Bool) throws(CheckpointError) {
    let width = 1...Qwen35.widthLimit
    let heads = 1...4096
    hiddenSize = try reader.integer(Key("hidden_size", "embedding_length"), in: width)
    intermediateSize = try reader.integer(Key("intermediate_size", "feed_forward_length"), in: width)
    headCount = try reader.integer(Key("num_attention_heads", "attention.head_count"), in: heads)
    let keyValueHeads = Key("num_key_value_heads", "attention.head_count_kv")
    keyValueHeadCount = try reader.integer(keyValueHeads, in: heads, fallback: headCount)
    guard headCount % keyValueHeadCount == 0 else {
      throw reader.broken(keyValueHeads, "(\(keyValueHeadCount)) must divide the \(headCount) attention heads")
    }
    let headWidth = Key("head_dim", "attention.key_length")
    headDimension = try reader.integer(headWidth, in: 1...65536, fallback: max(1, hiddenSize / headCount))

    guard 2 * headCount * headDimension <= Qwen35.widthLimit else {
      throw reader.broken(headWidth, "gives queries and gates wider than \(Qwen35.widthLimit)")
    }
    let valueWidth = Key("head_dim", "attention.value_length")
    guard try reader.integer(valueWidth, in: 1...65536, fallback: headDimension) == headDimension else {
      throw reader.broken(valueWidth, "must equal the width of keys (\(headDimension))")
    }

    let keyHeads = Key("linear_num_key_heads", "ssm.group_count")
    let valueHeads = Key("linear_num_value_heads", "ssm.time_step_rank")
    linearKeyHeads = try reader.integer(keyHeads, in: heads)
    linearValueHeads = try reader.integer(valueHeads, in: heads)
    guard linearValueHeads % linearKeyHeads == 0 else {
      throw reader.broken(valueHeads, "(\(linearValueHeads)) must be a multiple of the \(linearKeyHeads) key heads")
    }
    linearKeyHeadDimension = try reader.integer(Key("linear_key_head_dim", "ssm.state_size"), in: 1...65536)
    if gguf {
      let inner = Key("", "ssm.inner_size")
      let innerSize = try reader.integer(inner, in: 1...(1 << 28))
      guard innerSize % linearValueHeads == 0 else {
        throw reader.broken(inner, "(\(innerSize)) must be a multiple of the \(linearValueHeads) value heads")
      }
      linearValueHeadDimension = innerSize / linearValueHeads
    } else {
      linearValueHeadDimension = try reader.integer(
        Key("linear_value_head_dim", ""), in: 1...65536)
    }
    guard convolutionWidthFits(linearKeyHeads, linearKeyHeadDimension, linearValueHeads, linearValueHeadDimension)
    else { throw reader.broken(valueHeads, "and the head widths give more than \(Qwen35.widthLimit) channels") }
    let memory = linearValueHeads * linearKeyHeadDimension * linearValueHeadDimension
    guard memory <= Qwen35.layerMemoryLimit else {
      throw reader.broken(
        Key("linear_value_head_dim", "ssm.inner_size"),
        "makes the memory of a layer \(memory) numbers large; the most is \(Qwen35.layerMemoryLimit)")
    }
    convolutionKernel = try reader.integer(Key("linear_conv_kernel_dim", "ssm.conv_kernel"), in: 2...64, fallback: 4)

    rmsEpsilon = Float(
      try reader.positive(Key("rms_norm_eps", "attention.layer_norm_rms_epsilon"), upTo: 1, fallback: 1e-6))
    contextLength = try reader.integer(
      Key("max_position_embeddings", "context_length"), in: 1...(1 << 30), fallback: 32768)
    fullAttentionInterval = try reader.integer(
      Key("full_attention_interval", "full_attention_interval"), in: 1...4096, fallback: 4)

    ropeTheta = try rope.positive(Key("rope_theta", "rope.freq_base"), upTo: 1e15)
    let rotary = Key("partial_rotary_factor", "rope.dimension_count")
    if gguf {
      rotaryDimension = try rope.integer(rotary, in: 2...65536, fallback: headDimension / 4)
    } else {
      let factor = try rope.positive(rotary, upTo: 1, fallback: 0.25)
      rotaryDimension = Int(Double(headDimension) * factor)
    }
    guard rotaryDimension >= 2, rotaryDimension % 2 == 0, rotaryDimension <= headDimension else {
      throw rope.broken(
        rotary, "gives \(rotaryDimension) rotated dimensions; they must be even, 2 to \(headDimension)")
    }
    let sections = Key("mrope_section", "rope.dimension_sections")
    let section = try rope.integers(sections, in: 0...32768, count: 3...4) ?? [11, 11, 10]
    mropeSection = Array(section.prefix(3))
    guard section.reduce(0, +) == rotaryDimension / 2, section.count == 3 || section[3] == 0 else {
      throw rope.broken(sections, "\(section) must sum to \(rotaryDimension / 2), half the rotated dimensions")
    }

    layerCount = 0
    layerIsFull = []
    vocabularySize = 0
    tied = true
    mtpLayers = 0
  }

  /// Refuses layers that together remember more than any model: few bytes of weights can ask for gigabytes of state.
  func checkState(_ reader: ConfigurationReader) throws(CheckpointError) {
    let full = layerIsFull.count(where: { $0 })
    let memory = linearValueHeads * linearKeyHeadDimension * linearValueHeadDimension
    // Caches grow by 64 positions of keys and values.
    let state = (layerCount - full) * memory + full * keyValueHeadCount * headDimension * 2 * 64
    guard state <= Qwen35.stateLimit else {
      throw reader.broken(
        Key("num_hidden_layers", "block_count"),
        "(\(layerCount)) makes the state of a sequence \(state) numbers large; the most is \(Qwen35.stateLimit)")
    }
  }
}

/// Whether two key widths and a value width stay below the width limit; no factor exceeds 2^16.
private func convolutionWidthFits(_ keyHeads: Int, _ keyWidth: Int, _ valueHeads: Int, _ valueWidth: Int) -> Bool {
  2 * keyHeads * keyWidth + valueHeads * valueWidth <= Qwen35.widthLimit
}
