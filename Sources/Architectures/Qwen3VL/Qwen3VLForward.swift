import Base
import Containers
import Engine

extension Qwen3VL {
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    let loader = try WeightLoader(checkpoint, rules: rules)
    let rotary = decoder.rotary
    return try Decoder(loader, decoder) { index throws(CheckpointError) in
      try DecoderLayer(loader, index, decoder, rotary: rotary)
    }
  }
}
