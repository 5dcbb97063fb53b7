import Containers
import Base
import Tokenizers

/// A tokenizer written as GGUF metadata.
package enum TokenizerMetadata {
  /// The key under which quern keeps the split patterns of a pre-tokenizer that has no name in GGUF.
  package static let patternsKey = "quern.tokenizer.patterns"

  /// The key under which a converter keeps tokenizer.json without its vocabulary and merges.
  package static let documentKey = "quern.huggingface.tokenizer"
  /// The key under which a converter keeps tokenizer_config.json.
  package static let configurationKey = "quern.huggingface.tokenizer_config"

  /// What a file carries of the tokenizer.json it was made from; nil where it carries nothing.
  static func carried(_ metadata: Metadata, file: String) throws(CheckpointError) -> CarriedTokenizer? {
    func document(_ key: String) throws(CheckpointError) -> OrderedJSON? {
      guard let text = metadata.string(key) else { return nil }
      do throws(CheckpointError) {
        return try TokenizerDocument(
          parsing: Array(text.utf8), file: file, memory: MemoryBudget.documents, nonFinite: key == configurationKey
        ).rest
      } catch {
        // The offset is one in the text, not in the file.
        throw CheckpointError(error.code, "\(key): \(error.message)", file: file)
      }
    }
    guard let json = try document(documentKey) else { return nil }
    return try CarriedTokenizer(json, tokenizerConfig: document(configurationKey))
  }

  /// The metadata of a tokenizer, in the order llama.cpp's converter writes it.
  ///
  /// `rows` are the rows of the embedding table, to which the vocabulary is padded. Errors: `mismatch` when those are fewer.
  package static func entries(
    _ tokenizer: Tokenizer, rows: Int, chatTemplate: String?, named: [(name: String, template: String)] = []
  ) throws(CheckpointError) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = [
      ("tokenizer.ggml.model", .string("gpt2")),
      ("tokenizer.ggml.pre", .string(tokenizer.pretokenizer.ggufName ?? "default")),
      ("tokenizer.ggml.tokens", .array(.string(try tokenizer.ggufTokens(rows: rows)))),
      ("tokenizer.ggml.token_type", .list(try tokenizer.ggufTokenTypes(rows: rows))),
      ("tokenizer.ggml.merges", .array(.string(tokenizer.merges))),
    ]
    for role in SpecialTokens.Role.allCases {
      if let id = tokenizer.special[role] { entries.append((role.ggufKey, .uint32(UInt32(clamping: id)))) }
    }
    for role in SpecialTokens.Role.allCases {
      if let key = role.ggufAddKey, let flag = tokenizer.special.isAdded[role] { entries.append((key, .bool(flag))) }
    }
    let others = named.filter { $0.name != "default" }
    if !others.isEmpty {
      entries.append(("tokenizer.chat_templates", .array(.string(TextList(others.map(\.name))))))
      for template in others {
        entries.append(("tokenizer.chat_template.\(template.name)", .string(template.template)))
      }
    }
    if let chatTemplate { entries.append(("tokenizer.chat_template", .string(chatTemplate))) }
    if tokenizer.pretokenizer.ggufName == nil {
      entries.append((patternsKey, .array(.string(TextList(tokenizer.pretokenizer.patterns)))))
    }
    return entries
  }
}
