import Base
import Engine
import Runtime
import Tokenizers

/// Whether two tokenizers mean the same by their ids, whatever file they came from.
enum TokenizerFingerprint {
  /// SHA-256 of the tokens as GGUF has them, one for each row of the embedding, and of the merges, each with its length before it.
  static func of(_ opened: OpenedModel) throws(CheckpointError) -> String {
    var bytes: [UInt8] = []
    let tokens = try opened.tokenizer.ggufTokens(rows: opened.model.vocabularySize)
    for list in [tokens, opened.tokenizer.merges] {
      for index in list.indices {
        let text = list.utf8(index)
        bytes.append(word: UInt32(text.count))
        bytes += text
      }
    }
    return bytes.withUnsafeBytes { SHA256Hash.hash($0) }
  }
}
