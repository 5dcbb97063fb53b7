import Base
import Containers

extension Qwen2 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    MetadataWriter(Self.ggufName, decoder, description, headWidth: false).metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge(Self.windowFields(windows)) { _, own in own }
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "hidden_act": .string("silu"), "model_type": .string("qwen2"),
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
