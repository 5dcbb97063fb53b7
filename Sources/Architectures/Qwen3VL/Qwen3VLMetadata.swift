import Base
import Containers

extension Qwen3VL {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description)
    writer.count("n_deepstack_layers", deepstackLayers)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge([
      "attention_bias": .bool(attentionBias), "hidden_act": .string("silu"), "model_type": .string("qwen3_vl_text"),
    ]) { _, own in own }
    let text = OrderedObject(sorted: fields)
    var config: [String: OrderedJSON] = [
      "architectures": .array([.string("Qwen3VLForConditionalGeneration")]), "dtype": .string("bfloat16"),
      "model_type": .string("qwen3_vl"), "text_config": .object(text), "tie_word_embeddings": .bool(decoder.tied),
    ]
    config.merge(tokens.json) { _, own in own }
    guard let vision, parts.contains(.vision) else {
      return Self.flat(text, beside: OrderedObject(sorted: config))
    }
    config["vision_config"] = vision.json
    return .object(OrderedObject(sorted: config))
  }
}
