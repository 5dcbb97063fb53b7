import Base
import Containers

extension Llama {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description)
    writer.count("vocab_size", decoder.vocabularySize)
    writer.count("rope.dimension_count", decoder.rotaryDimension)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "attention_bias": .bool(attentionBias),
      "hidden_act": .string("silu"), "mlp_bias": .bool(feedForwardBias), "model_type": .string("llama"),
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
