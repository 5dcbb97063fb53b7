import Base
import Containers

extension Qwen3Moe {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    MetadataWriter(Self.ggufName, decoder, description, experts: experts).metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge(Qwen2.windowFields(windows)) { _, own in own }
    fields.merge(experts.json(Self.kind)) { _, own in own }
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "attention_bias": .bool(attentionBias),
      "hidden_act": .string("silu"), "model_type": .string(Self.modelTypes[0]),
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
