import Containers
import Tensors
import Tokenizers

/// A checkpoint's tokenizer: opened from whichever files it has, and written as GGUF metadata.
package enum TokenizerFiles {
  /// The key under which quern keeps the split patterns of a pre-tokenizer that has no name in GGUF.
  package static let patternsKey = "quern.tokenizer.patterns"

  /// The tokenizer of a checkpoint.
  ///
  /// Errors: `missing` when it has none, and whatever the tokenizer's files break.
  package static func open(_ checkpoint: Checkpoint) throws(CheckpointError) -> Tokenizer {
    if checkpoint.format == .gguf { return try open(metadata: checkpoint.metadata, file: checkpoint.path) }
    guard let folder = checkpoint.folder else {
      throw CheckpointError(.missing, "there is no tokenizer beside the tensors", file: checkpoint.path)
    }
    return try open(folder: folder)
  }

  /// The tokenizer of a Hugging Face folder.
  package static func open(folder: HuggingFaceFolder) throws(CheckpointError) -> Tokenizer {
    guard let json = try folder.tokenizerJSON() else {
      throw CheckpointError(.missing, "tokenizer.json is missing", file: folder.path)
    }
    do throws(CheckpointError) {
      return try Tokenizer(
        tokenizerJSON: json, tokenizerConfig: folder.tokenizerConfig, modelConfig: folder.config)
    } catch {
      throw error.in(file: folder.path + "/tokenizer.json")
    }
  }

  /// The tokenizer of GGUF metadata.
  package static func open(metadata: Metadata, file: String) throws(CheckpointError) -> Tokenizer {
    guard let tokens = metadata.strings("tokenizer.ggml.tokens"), let model = metadata.string("tokenizer.ggml.model")
    else { throw CheckpointError(.missing, "the file has no tokenizer", file: file) }
    var types: [Int32]?
    if let stored = metadata.integers("tokenizer.ggml.token_type") {
      types = stored.map { Int32(clamping: $0) }
    }
    var special = SpecialTokens()
    for role in SpecialTokens.Role.allCases {
      if let id = metadata.uint(role.ggufKey), id < UInt64(tokens.count) { special.ids[role] = Int32(exactly: id) }
      if let key = role.ggufAddKey, let flag = metadata.bool(key) { special.isAdded[role] = flag }
    }
    do throws(CheckpointError) {
      return try Tokenizer(
        tokens: tokens, tokenTypes: types, merges: metadata.strings("tokenizer.ggml.merges") ?? [], model: model,
        pre: metadata.string("tokenizer.ggml.pre"), patterns: metadata.strings(patternsKey), special: special)
    } catch {
      throw error.in(file: file)
    }
  }

  /// The metadata of a tokenizer, in the order llama.cpp's converter writes it.
  ///
  /// `rows` are the rows of the embedding table, to which the vocabulary is padded. Errors: `mismatch` when those are fewer.
  package static func metadata(
    _ tokenizer: Tokenizer, rows: Int, chatTemplate: String?, named: [(name: String, template: String)] = []
  ) throws(CheckpointError) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = [
      ("tokenizer.ggml.model", .string("gpt2")),
      ("tokenizer.ggml.pre", .string(tokenizer.pretokenizer.ggufName ?? "default")),
      ("tokenizer.ggml.tokens", .array(.string(try tokenizer.ggufTokens(rows: rows)))),
      ("tokenizer.ggml.token_type", .array(.int32(try tokenizer.ggufTokenTypes(rows: rows)))),
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
      entries.append(("tokenizer.chat_templates", .array(.string(others.map(\.name)))))
      for template in others {
        entries.append(("tokenizer.chat_template.\(template.name)", .string(template.template)))
      }
    }
    if let chatTemplate { entries.append(("tokenizer.chat_template", .string(chatTemplate))) }
    if tokenizer.pretokenizer.ggufName == nil {
      entries.append((patternsKey, .array(.string(tokenizer.pretokenizer.patterns))))
    }
    return entries
  }
}
