import Base

extension Tokenizer {
  /// Reads Hugging Face's tokenizer.json, with what tokenizer_config.json adds to it.
  ///
  /// - Parameters:
  ///   - document: tokenizer.json.
  ///   - tokenizerConfig: tokenizer_config.json; its `added_tokens_decoder` completes and overrides the added tokens.
  ///   - modelConfig: config.json, for ids of special tokens that the others leave open.
  /// - Throws: `unsupported` naming what is not implemented, `malformed` when the parts contradict each other.
  package init(
    _ document: TokenizerDocument, tokenizerConfig: OrderedJSON? = nil, modelConfig: OrderedJSON? = nil
  ) throws(CheckpointError) {
    let json = document.rest
    guard let model = json["model"] else { throw CheckpointError(.malformed, "the tokenizer has no model") }
    let form = try TokenizerForm(json)
    guard let words = document.words, form.isUnigram || document.scores == nil else {
      throw CheckpointError(.malformed, "the tokenizer's model has no vocab")
    }
    let added = try Self.addedTokens(json, tokenizerConfig)
    let vocabulary = try Vocabulary(form.alphabet, words: words, ids: document.ids, added: added)
    let resolved: WordModel
    if form.isUnigram {
      guard let scores = document.scores else {
        throw CheckpointError(.malformed, "the vocabulary of a Unigram tokenizer is not a list")
      }
      var unknown: Int32?
      if let id = model["unk_id"]?.intValue {
        unknown = Int32(exactly: id)
        guard words.indices.contains(id) else {
          throw CheckpointError(.malformed, "the unk_id \(id) is not the id of a token")
        }
      }
      resolved = .unigram(try UnigramModel(scores: scores, texts: words, unknown: unknown))
    } else {
      guard let merges = document.merges else {
        throw CheckpointError(.malformed, "the tokenizer's model has no merges")
      }
      var unknown: Int32?
      if let text = form.unknown {
        unknown = vocabulary.word(text)
        guard unknown != nil else {
          throw CheckpointError(.malformed, "the unknown token \"\(text)\" is not in the vocabulary")
        }
      }
      resolved = .merges(
        try MergeModel(
          merges: merges, vocabulary: vocabulary, ignoresMerges: form.ignoresMerges, unknown: unknown,
          fusesUnknown: form.fusesUnknown))
    }
    let special = SpecialTokens(
      tokenizerJSON: json, tokenizerConfig: tokenizerConfig, modelConfig: modelConfig, added: added,
      tokenCount: vocabulary.count)
    try self.init(
      vocabulary: vocabulary, model: resolved, addedTokens: added, normalizers: form.normalizers,
      pretokenizer: form.pretokenizer, special: special, pieces: form.pieces)
  }

  /// Reads a tokenizer.json that has been parsed already.
  package init(
    tokenizerJSON json: OrderedJSON, tokenizerConfig: OrderedJSON? = nil, modelConfig: OrderedJSON? = nil
  ) throws(CheckpointError) {
    try self.init(TokenizerDocument(json), tokenizerConfig: tokenizerConfig, modelConfig: modelConfig)
  }

  /// The added tokens of both files by id; of one that is given more than once, the last flags count, as in the reference.
  static func addedTokens(
    _ json: OrderedJSON, _ tokenizerConfig: OrderedJSON?
  ) throws(CheckpointError) -> [AddedToken] {
    var byID: [Int32: AddedToken] = [:]
    var idOf: [BinaryString: Int32] = [:]
    func add(_ entry: OrderedJSON, id: Int?) throws(CheckpointError) {
      guard let content = entry["content"]?.stringValue, let id = id.flatMap(Int32.init(exactly:)), id >= 0 else {
        throw CheckpointError(.malformed, "an added token has no content or no id of 32 bits")
      }
      // The reference ignores empty tokens.
      guard !content.isEmpty else { return }
      if let known = byID[id], BinaryString(known.content) != BinaryString(content) {
        throw CheckpointError(
          .malformed,
          "the id \(id) is given to the added tokens \"\(known.content)\" and \"\(content)\"")
      }
      if let known = idOf[BinaryString(content)], known != id {
        throw CheckpointError(
          .malformed, "the added token \"\(content)\" has two ids, \(known) and \(id)")
      }
      idOf[BinaryString(content)] = id
      let isSpecial = entry["special"]?.boolValue ?? false
      byID[id] = AddedToken(
        id: id, content: content, isSingleWord: entry["single_word"]?.boolValue ?? false,
        stripsLeft: entry["lstrip"]?.boolValue ?? false, stripsRight: entry["rstrip"]?.boolValue ?? false,
        isNormalized: entry["normalized"]?.boolValue ?? !isSpecial, isSpecial: isSpecial)
    }
    for entry in json["added_tokens"]?.arrayValue ?? [] {
      try add(entry, id: entry["id"]?.intValue)
    }
    for (key, entry) in tokenizerConfig?["added_tokens_decoder"]?.objectValue?.entries ?? [] {
      try add(entry, id: Int(key))
    }
    return byID.values.sorted { $0.id < $1.id }
  }
}
