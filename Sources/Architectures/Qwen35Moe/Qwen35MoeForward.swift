import Base
import Containers
import Engine

extension Qwen35Moe {
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen3_5_moe.md.
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    try Decoder(
      WeightLoader(checkpoint, rules: rules), settled, order: checkpoint.format == .gguf ? .tiled : .grouped)
  }

  package func draftBlock(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any DraftBlock)? {
    try MTPBlock(checkpoint, rules: rules, settled)
  }
}
