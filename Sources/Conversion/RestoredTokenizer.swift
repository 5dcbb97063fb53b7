import Architectures
import Containers
import Base
import Tokenizers

/// Rebuilds a tokenizer's documents from GGUF metadata.
struct RestoredTokenizer {
  let checkpoint: Checkpoint

  private var metadata: Metadata { checkpoint.metadata }
  private var file: String { checkpoint.path }

  private var tokens: TextList { metadata.texts("tokenizer.ggml.tokens") ?? [] }

  /// `tokenizer.json`: what the file carries of the original around the vocabulary and merges, else a byte-level BPE.
  ///
  /// Written without being built: as JSON values a vocabulary would take ten times its text.
  func tokenizerJSON() throws(CheckpointError) -> [UInt8] {
    let tokens = tokens
    if let id = tokens.indices.first(where: { !tokens.isUTF8($0) }) {
      let text = tokens.utf8(id).withUnsafeBytes { textWithBytesShown($0) }
      throw CheckpointError(
        .unsupported,
        "the token \(id) (\(text)) is not UTF-8, and tokenizer.json holds nothing else",
        file: file)
    }
    // Opening it checks that tokens, types and merges belong together.
    let tokenizer = try TokenizerSource.tokenizer(of: checkpoint)
    var document: OrderedObject
    if let carried = try carried() {
      document = carried
    } else {
      document = try skeleton(tokenizer)
    }
    var model = document["model"]?.objectValue ?? OrderedObject()
    for key in ["vocab", "merges"] { model[key] = .null }
    document["model"] = .object(OrderedObject())
    let added = try addedIDs(document)
    var bytes: [UInt8] = []
    var stream = JSONStream { bytes += $0 }
    try stream.object { (stream) throws(CheckpointError) in
      for (key, value) in document.entries {
        stream.key(key)
        guard key == "model" else {
          stream.value(value)
          continue
        }
        try stream.object { (stream) throws(CheckpointError) in
          for (key, value) in model.entries {
            stream.key(key)
            switch key {
            case "vocab": try writeVocabulary(added, to: &stream)
            case "merges": try writeMerges(to: &stream)
            default: stream.value(value)
            }
          }
        }
      }
    }
    stream.finish()
    return bytes
  }

  private func writeVocabulary(_ added: Set<Int>, to stream: inout JSONStream) throws(CheckpointError) {
    let tokens = tokens
    let types = metadata.integers("tokenizer.ggml.token_type") ?? []
    try stream.object { (stream) throws(CheckpointError) in
      for id in tokens.indices {
        let isUnused = id < types.count && types[id] == 5
        if isUnused || added.contains(id) { continue }
        stream.key(tokens[id])
        stream.value(Int64(id))
        try checkLength(stream)
      }
    }
  }

  private func writeMerges(to stream: inout JSONStream) throws(CheckpointError) {
    let merges = metadata.texts("tokenizer.ggml.merges") ?? []
    try stream.array { (stream) throws(CheckpointError) in
      for rank in merges.indices {
        // A merge has exactly one space, which parts its two halves.
        let halves = merges.utf8(rank).split(separator: 0x20, maxSplits: 1)
        stream.element()
        try stream.array { (stream) throws(CheckpointError) in
          for half in halves {
            stream.element()
            stream.value(String(decoding: half, as: UTF8.self))
          }
        }
        try checkLength(stream)
      }
    }
  }

  /// Refuses to write what would not be read again.
  private func checkLength(_ stream: JSONStream) throws(CheckpointError) {
    guard stream.count > HuggingFaceFolder.longestTokenizer else { return }
    throw CheckpointError(
      .unsupported,
      "the tokenizer.json of this vocabulary would have more than \(HuggingFaceFolder.longestTokenizer) bytes",
      file: file)
  }

  /// `tokenizer_config.json` for a file that does not carry the original.
  func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var document = OrderedObject()
    let tokens = tokens
    if let flag = metadata.bool("tokenizer.ggml.add_bos_token") { document["add_bos_token"] = .bool(flag) }
    var decoder = OrderedObject()
    for token in try addedTokens(tokens) {
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
    return try OrderedJSON(parsing: Array(text.utf8), file: file, memory: MemoryBudget.documents).objectValue
  }

  private func skeleton(_ tokenizer: Tokenizer) throws(CheckpointError) -> OrderedObject {
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
    let added = try addedTokens(tokens).map { OrderedJSON.object($0.json) }
    let normalizes = ["qwen2", "qwen35"].contains(TokenizerSource.split(of: checkpoint).name)
    return [
      "version": .string("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .array(added),
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
  private func addedTokens(_ tokens: TextList) throws(CheckpointError) -> [(id: Int, json: OrderedObject)] {
    let types = metadata.integers("tokenizer.ggml.token_type") ?? []
    let ids = types.indices.filter { types[$0] == 3 || types[$0] == 4 }
    guard ids.count <= Self.mostAdded else {
      throw CheckpointError(
        .unsupported, "\(ids.count) tokens are control or user-defined ones; at most \(Self.mostAdded) can be restored",
        file: file)
    }
    return ids.filter { $0 < tokens.count }.map { id in
      (
        id,
        [
          "id": .integer(Int64(id)), "content": .string(tokens[id]), "single_word": .bool(false),
          "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(types[id] == 3),
        ]
      )
    }
  }

  /// Each becomes a dozen JSON values, twice.
  private static let mostAdded = 1 << 16

  /// The ids that a document lists as added, in itself or in the carried tokenizer configuration.
  private func addedIDs(_ document: OrderedObject) throws(CheckpointError) -> Set<Int> {
    var ids = Set((document["added_tokens"]?.arrayValue ?? []).compactMap { $0["id"]?.intValue })
    if let bytes = Provenance.document("tokenizer_config", in: metadata) {
      let configuration = try OrderedJSON(
        parsing: bytes, file: file, memory: MemoryBudget.documents, nonFinite: true)
      ids.formUnion((configuration["added_tokens_decoder"]?.objectValue?.keys ?? []).compactMap { Int($0) })
    }
    return ids
  }
}
