import Base

/// What a tokenizer.json says around its vocabulary and merges.
struct TokenizerForm: Sendable {
  let isUnigram: Bool
  let pretokenizer: Pretokenizer
  let normalizers: [Normalizer]
  /// How tokens become text; nil for those spelled in bytes.
  let pieces: PieceDecoder?
  let ignoresMerges: Bool
  let unknown: String?
  let fusesUnknown: Bool
  private let fallsBack: Bool

  /// Reads a document, with or without its vocabulary.
  ///
  /// - Throws: `unsupported` naming what is not implemented, `malformed` when the parts contradict each other.
  init(_ json: OrderedJSON) throws(CheckpointError) {
    guard let model = json["model"] else { throw CheckpointError(.malformed, "the tokenizer has no model") }
    let kind = model["type"]?.stringValue ?? (model["merges"] == nil ? "unnamed" : "BPE")
    guard kind == "BPE" || kind == "Unigram" else {
      throw CheckpointError(
        .unsupported, "the tokenizer is of kind \"\(kind)\"; only BPE and Unigram are supported")
    }
    isUnigram = kind == "Unigram"
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = model[key]?.stringValue, !text.isEmpty {
        throw CheckpointError(.unsupported, "the tokenizer uses \(key), which is not supported")
      }
    }
    if let dropout = model["dropout"]?.doubleValue, dropout != 0 {
      throw CheckpointError(.unsupported, "the tokenizer drops merges at random (dropout \(dropout))")
    }
    ignoresMerges = model["ignore_merges"]?.boolValue ?? false
    fallsBack = model["byte_fallback"]?.boolValue ?? false
    unknown = model["unk_token"]?.stringValue
    fusesUnknown = model["fuse_unk"]?.boolValue ?? false
    pretokenizer = try Pretokenizer(json["pre_tokenizer"], ignoresMerges: ignoresMerges)
    normalizers = try Normalizer.steps(json["normalizer"])
    guard pretokenizer.isByteLevel else {
      if pretokenizer.metaspace != nil, Self.isByteLevel(json["decoder"]) {
        throw CheckpointError(
          .unsupported, "the pre-tokenizer Metaspace with the decoder ByteLevel is not supported")
      }
      pieces = try PieceDecoder(json["decoder"])
      return
    }
    pieces = nil
    guard !isUnigram else {
      throw CheckpointError(.unsupported, "the tokenizer is of kind \"Unigram\" and byte-level, which is not supported")
    }
    guard !fallsBack else {
      throw CheckpointError(
        .unsupported,
        "the tokenizer has the byte fallback of SentencePiece and is byte-level, which is not supported")
    }
    if let decoder = json["decoder"], let kind = decoder["type"]?.stringValue, !Self.isByteLevel(decoder) {
      throw CheckpointError(
        .unsupported, "the decoder \"\(kind)\" is not supported; a byte-level tokenizer has ByteLevel")
    }
  }

  private static func isByteLevel(_ decoder: OrderedJSON?) -> Bool {
    let parts = decoder?["decoders"]?.arrayValue ?? []
    return decoder?["type"]?.stringValue == "ByteLevel" || parts.contains { $0["type"]?.stringValue == "ByteLevel" }
  }

  /// What the vocabulary is spelled in.
  func alphabet(_ table: TokenTable) -> any Alphabet {
    guard let pieces else { return ByteAlphabet(table) }
    return PieceAlphabet(table, byteFallback: fallsBack, marksSpaces: pieces.marksSpaces)
  }
}
