import Base
import Containers
import Engine

extension Qwen3Next {
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen3_next.md.
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    // Value heads keep their order in GGUF.
    try Decoder(WeightLoader(checkpoint, rules: rules), settled, order: .grouped)
  }

  package func draftBlock(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any DraftBlock)? {
    try MTPBlock(checkpoint, rules: rules, settled)
  }
}
