import Base
import Containers

extension SmolLM3 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description, headWidth: false)
    writer.count("vocab_size", decoder.vocabularySize)
    writer.count("rope.dimension_count", decoder.rotaryDimension)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "attention_bias": .bool(false), "mlp_bias": .bool(false),
      "hidden_act": .string("silu"), "model_type": .string("smollm3"), "use_sliding_window": .bool(false),
      "no_rope_layers": .array(layerTurns.map { .integer($0 ? 1 : 0) }),
      "layer_types": .array(layerTurns.map { _ in .string("full_attention") }),
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
