import Containers
import Base

extension Qwen35.Configuration {
  private typealias Key = ConfigurationReader.Key

  /// Reads the metadata of a text GGUF; `tensors` gives every tensor's shape, which decides what the metadata leaves open.
  ///
  /// Errors: `missing` or `malformed`, naming the key and its rule.
  package init(
    metadata: Metadata, tensors: [BinaryString: Shape], file: String
  ) throws(CheckpointError) {
    let reader = ConfigurationReader(metadata: metadata, prefix: "qwen35", file: file)
    try self.init(shared: reader, rope: reader, gguf: true)
    try Self.rejectScaledRotary(metadata, reader)
    guard let table = tensors[BinaryString("token_embd.weight")], table.rank == 2 else {
      throw CheckpointError(.missing, "token_embd.weight is missing or no matrix", file: file)
    }
    vocabularySize = table.rows
    tied = tensors[BinaryString("output.weight")] == nil

    let blockKey = Key("", "block_count")
    let blocks = try reader.integer(blockKey, in: 1...4096)
    let predicted = try reader.integer(Key("", "nextn_predict_layers"), in: 0...(blocks - 1), fallback: 0)
    // The tensors have the last word: files exist that announce an MTP block they lack, and the reverse.
    let found = (0...blocks).filter { block in
      Self.predictionNames.contains { tensors[BinaryString("blk.\(block).nextn.\($0).weight")] != nil }
    }
    let block = found.first
    guard found.count <= 1 else {
      throw CheckpointError(
        .unsupported, "\(found.count) MTP blocks (the first is blk.\(found[0])) are more than the one that is known",
        file: file)
    }
    guard (block ?? blocks) >= blocks - 1 else {
      throw reader.broken(
        blockKey, "(\(blocks)) counts layers behind the MTP block blk.\(found[0])", code: .unsupported)
    }
    layerCount = block ?? blocks - predicted
    guard layerCount >= 1 else { throw reader.broken(blockKey, "leaves no decoder layer beside the MTP block") }
    mtpLayers = block == nil ? 0 : 1
    layerIsFull = (0..<layerCount).map { ($0 + 1) % fullAttentionInterval == 0 }
    let recurrent = Key("", "attention.recurrent_layers")
    if reader.has(recurrent) {
      guard let flags = metadata.bools("qwen35.attention.recurrent_layers"), flags.count >= layerCount else {
        throw reader.broken(recurrent, "must be a list of at least \(layerCount) booleans")
      }
      layerIsFull = flags.prefix(layerCount).map { !$0 }
    }
    try checkState(reader)
    if metadata["tokenizer.ggml.eos_token_id"] != nil {
      let tokens = ConfigurationReader(metadata: metadata, prefix: "tokenizer.ggml", file: file)
      endOfSequence = try tokens.integer(Key("", "eos_token_id"), in: 0...(vocabularySize - 1))
    }
  }
  /// A scaled rotary embedding would be computed as if it were the published one.
  private static func rejectScaledRotary(
    _ metadata: Metadata, _ reader: ConfigurationReader
  ) throws(CheckpointError) {
    for (key, value) in metadata.entries where key.hasPrefix("qwen35.rope.scal") {
      let name = String(key.dropFirst("qwen35.".count))
      let isHarmless =
        switch name {
        case "rope.scaling.type": metadata.string(key) == "none"
        // Zero is how a factor that was never set is written.
        case "rope.scaling.factor", "rope.scale_linear": [0, 1].contains(value.realNumber)
        case "rope.scaling.attn_factor": value.realNumber == 1
        case "rope.scaling.original_context_length", "rope.scaling.finetuned": true
        default: false
        }
      guard isHarmless else {
        throw reader.broken(
          Key("", name), "asks for a scaled rotary embedding; Qwen3.5 uses the default one", code: .unsupported)
      }
    }
  }

  /// Tensors that only an MTP block has; one of them is enough to say that there is one.
  private static let predictionNames = ["eh_proj", "enorm", "hnorm", "shared_head_norm"]
}
