import Base
import Containers
import Engine

extension Qwen35 {
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen35.md.
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    try Decoder(
      WeightLoader(checkpoint, rules: rules), configuration.hybrid,
      order: checkpoint.format == .gguf ? .tiled : .grouped)
  }

  package func draftBlock(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any DraftBlock)? {
    try MTPBlock(checkpoint, rules: rules, configuration.hybrid)
  }
}
