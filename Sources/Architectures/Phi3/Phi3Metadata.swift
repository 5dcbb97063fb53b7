import Base
import Containers

extension Phi3 {
  /// The metadata of the text GGUF with the keys of llama.cpp's converter; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description, headWidth: false)
    writer.count("rope.scaling.original_context_length", originalLength)
    writer.count("rope.dimension_count", decoder.rotaryDimension)
    // Zero says that there is none: a loader asks for the key.
    writer.count("attention.sliding_window", window ?? 0)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "hidden_act": .string("silu"), "model_type": .string("phi3"),
      "original_max_position_embeddings": .integer(Int64(originalLength)),
      "sliding_window": window.map { .integer(Int64($0)) } ?? .null,
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
