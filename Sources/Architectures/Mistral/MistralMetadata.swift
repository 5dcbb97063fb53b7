import Base
import Containers

extension Mistral {
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
      "architectures": .array([.string(Self.textClass)]), "hidden_act": .string("silu"),
      "model_type": .string("mistral"), "sliding_window": window.map { .integer(Int64($0)) } ?? .null,
    ]) { _, own in own }
    return .object(OrderedObject(sorted: fields))
  }
}
