import Architectures
import Containers
import Tensors
import Tokenizers

/// Rebuilds a tokenizer's documents from GGUF metadata.
struct RestoredTokenizer {
  let checkpoint: Checkpoint

  private var metadata: Metadata { checkpoint.metadata }
  private var file: String { checkpoint.path }

  private var tokens: [String] { metadata.strings("tokenizer.ggml.tokens") ?? [] }

  /// `tokenizer.json`: what the file carries of the original around the vocabulary and merges, else a byte-level BPE.
  func tokenizerJSON() throws(CheckpointError) -> OrderedJSON {
    // Opening it checks that tokens, types and merges belong together.
    let tokenizer = try TokenizerSource.tokenizer(of: checkpoint)
    var document = try carried() ?? skeleton(tokenizer)
    var model = document["model"]?.objectValue ?? OrderedObject()
    let added = try addedIDs(document)
    let types = metadata.integers("tokenizer.ggml.token_type") ?? []
    var vocabulary = OrderedObject()
    for (id, token) in tokens.enumerated() {
      let isUnused = id < types.count && types[id] == 5
      if !isUnused, !added.contains(id) { vocabulary.append(token, .integer(Int64(id))) }
    }
    model["vocab"] = .object(vocabulary)
    model["merges"] = .array(
      (metadata.strings("tokenizer.ggml.merges") ?? []).map { merge in
        // The first space after the first character parts the two halves.
        let cut = merge.dropFirst().firstIndex(of: " ") ?? merge.endIndex
        return .array([.string(String(merge[..<cut])), .string(String(merge[cut...].dropFirst()))])
      })
    document["model"] = .object(model)
    return .object(document)
  }

  /// `tokenizer_config.json` for a file that does not carry the original.
  func configurationJSON() -> OrderedJSON {
    var document = OrderedObject()
    let tokens = tokens
    if let flag = metadata.bool("tokenizer.ggml.add_bos_token") { document["add_bos_token"] = .bool(flag) }
    var decoder = OrderedObject()
    for token in addedTokens(tokens) {
      var entry = token.json
      entry["id"] = nil
      decoder.append(String(token.id), .object(entry))
    }
    document["added_tokens_decoder"] = .object(decoder)
    for (role, key) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")] {
      let id = metadata.uint("tokenizer.ggml.\(key)_token_id").flatMap { Int(exactly: $0) }
      document["\(role)_token"] = id.flatMap { $0 < tokens.count ? .string(tokens[$0]) : nil } ?? .null
    }
    document["tokenizer_class"] = .string("Qwen2Tokenizer")
    return .object(document)
  }

  private func carried() throws(CheckpointError) -> OrderedObject? {
    guard let text = metadata.string(Provenance.tokenizerKey) else { return nil }
    return try OrderedJSON(parsing: Array(text.utf8), file: file).objectValue
  }

  private func skeleton(_ tokenizer: Tokenizer) -> OrderedObject {
    let splits: [OrderedJSON] = tokenizer.pretokenizer.patterns.map { pattern in
      .object([
        "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"),
        "invert": .bool(false),
      ])
    }
    let byteLevel: OrderedObject = [
      "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(false),
      "use_regex": .bool(false),
    ]
    let normalizes = ["qwen2", "qwen35"].contains(metadata.string("tokenizer.ggml.pre"))
    return [
      "version": .string("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .array(addedTokens(tokens).map { .object($0.json) }),
      "normalizer": normalizes ? .object(["type": .string("NFC")]) : .null,
      "pre_tokenizer": .object([
        "type": .string("Sequence"), "pretokenizers": .array(splits + [.object(byteLevel)]),
      ]),
      "post_processor": .null, "decoder": .object(byteLevel),
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(false),
      ]),
    ]
  }

  /// Tokens whose GGUF type says that they are found as written.
  private func addedTokens(_ tokens: [String]) -> [(id: Int, json: OrderedObject)] {
    let types = metadata.integers("tokenizer.ggml.token_type") ?? []
    return zip(tokens, types).enumerated().compactMap { id, pair in
      guard pair.1 == 3 || pair.1 == 4 else { return nil }
      return (
        id,
        [
          "id": .integer(Int64(id)), "content": .string(pair.0), "single_word": .bool(false), "lstrip": .bool(false),
          "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(pair.1 == 3),
        ]
      )
    }
  }

  /// The ids that a document lists as added, in itself or in the carried tokenizer configuration.
  private func addedIDs(_ document: OrderedObject) throws(CheckpointError) -> Set<Int> {
    var ids = Set((document["added_tokens"]?.arrayValue ?? []).compactMap { $0["id"]?.intValue })
    if let bytes = Provenance.document("tokenizer_config", in: metadata) {
      let configuration = try OrderedJSON(parsing: bytes, file: file)
      ids.formUnion((configuration["added_tokens_decoder"]?.objectValue?.keys ?? []).compactMap { Int($0) })
    }
    return ids
  }
}
