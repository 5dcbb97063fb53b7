import Base
import Containers

/// The hyper-parameters of experts, each checked against its range.
package struct ExpertConfiguration: Sendable, Equatable {
  package var count: Int
  /// Experts of a token.
  package var used: Int
  /// Width of an expert.
  package var width: Int
  /// Width of the expert that every token goes through; nil without one.
  package var sharedWidth: Int?
  /// Whether what a token's experts weigh is divided by the sum.
  package var normalizes: Bool
  /// One entry a decoder layer: true for experts, false for a dense feed-forward part.
  package var layerIsSparse: [Bool]
  /// How the opened folder keeps them, in decoder layers and in the MTP block.
  package var forms: [TensorRule.Part: ExpertForm] = [:]

  /// Most experts of all layers together, twice those of the largest published model.
  package static let limit = 1 << 16

  /// What families differ in.
  struct Kind {
    var countKey = "num_experts"
    var widthKey = "moe_intermediate_size"
    var hasShared = false
    /// Whether `norm_topk_prob` is asked for, and what a missing one means; nil for a family that always divides.
    var normalizes: Bool?
    /// Whether some layers may be dense.
    var mayBeDense = false
  }

  /// Reads the fields of a decoder with so many layers.
  ///
  /// - Throws: `missing` or `malformed`, naming the key and its rule.
  init(_ source: DecoderSource, _ kind: Kind, layers: Int) throws(CheckpointError) {
    typealias Key = ConfigurationReader.Key
    let text = source.text
    let countKey = Key(kind.countKey, "expert_count")
    count = try text.integer(countKey, in: 1...Self.limit)
    guard count <= Self.limit / layers else {
      throw text.broken(countKey, "(\(count)) gives more than \(Self.limit) experts in \(layers) layers")
    }
    used = try text.integer(Key("num_experts_per_tok", "expert_used_count"), in: 1...count)
    let width = 1...DecoderConfiguration.widthLimit
    self.width = try text.integer(Key(kind.widthKey, "expert_feed_forward_length"), in: width)
    sharedWidth =
      kind.hasShared
      ? try text.integer(Key("shared_expert_intermediate_size", "expert_shared_feed_forward_length"), in: width) : nil
    normalizes = true
    if let fallback = kind.normalizes, let fields = source.fields {
      normalizes = try fields.bool(Key("norm_topk_prob", ""), fallback: fallback)
    }
    layerIsSparse = [Bool](repeating: true, count: layers)
    guard kind.mayBeDense else { return }
    if source.isGGUF {
      layerIsSparse = (0..<layers).map { source.shapes[BinaryString("blk.\($0).ffn_gate_inp.weight")] != nil }
      return
    }
    let dense = try text.integers(Key("mlp_only_layers", ""), in: 0...4096, count: 0...4096) ?? []
    let step = try text.integer(Key("decoder_sparse_step", ""), in: 1...4096, fallback: 1)
    layerIsSparse = (0..<layers).map { !dense.contains($0) && ($0 + 1) % step == 0 }
  }

  /// What a GGUF cannot say of them, one sentence each.
  var untold: [String] {
    var notes: [String] = []
    if !normalizes {
      notes.append(
        "norm_topk_prob is false, which is in the carried config.json only: llama.cpp divides what a token's experts weigh by "
          + "the sum, so its answers differ")
    }
    let dense = layerIsSparse.count { !$0 }
    if dense > 0 {
      notes.append(
        "\(counted(dense, "layer")) without experts: llama.cpp opens only files of this family whose layers all have them"
      )
    }
    return notes
  }

  /// The fields of `config.json`.
  func json(_ kind: Kind) -> [String: OrderedJSON] {
    let counts = [
      kind.countKey: count, "num_experts_per_tok": used, kind.widthKey: width,
      "shared_expert_intermediate_size": sharedWidth,
    ]
    var fields = counts.compactMapValues { $0.map { OrderedJSON.integer(Int64($0)) } }
    if kind.normalizes != nil { fields["norm_topk_prob"] = .bool(normalizes) }
    if kind.mayBeDense {
      let dense = layerIsSparse.indices.filter { !layerIsSparse[$0] }
      fields["mlp_only_layers"] = .array(dense.map { .integer(Int64($0)) })
      fields["decoder_sparse_step"] = .integer(1)
    }
    return fields
  }
}

/// How a folder keeps the experts of a layer.
package enum ExpertForm: Sendable, Equatable {
  /// A tensor for each expert and projection.
  case apart
  /// `experts.gate_up_proj` [experts, 2 * width, hidden], rows of gate first, and `experts.down_proj` [experts, hidden, width].
  case fused

  /// The form in which one of the layers under a prefix, such as `model.layers.`, lies in a checkpoint; nil where none has experts.
  init?(_ checkpoint: Checkpoint, _ prefix: String, layers: Range<Int>) {
    for layer in layers {
      let experts = "\(prefix)\(layer).mlp.experts."
      if checkpoint[experts + "gate_up_proj"] != nil {
        self = .fused
        return
      }
      if checkpoint[experts + "0.gate_proj.weight"] != nil {
        self = .apart
        return
      }
    }
    return nil
  }
}

extension ExpertConfiguration {
  /// Finds out how a folder keeps experts; `published` is how the family does.
  mutating func find(
    in checkpoint: Checkpoint, _ names: PartNames, published: [TensorRule.Part: ExpertForm]
  ) {
    forms = published
    guard checkpoint.format != .gguf else { return }
    if let form = ExpertForm(checkpoint, names.text + "layers.", layers: layerIsSparse.indices) { forms[.text] = form }
    if let mtp = names.mtp, let form = ExpertForm(checkpoint, mtp + "layers.", layers: 0..<1) { forms[.mtp] = form }
  }
}
