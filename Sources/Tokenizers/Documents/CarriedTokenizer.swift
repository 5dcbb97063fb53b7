import Base

/// What a GGUF carries of the tokenizer.json it was made from: everything but the vocabulary and the merges.
///
/// GGUF's own keys name a pattern and no more: not the normal form, nor what becomes of a match, nor the flags of added tokens.
package struct CarriedTokenizer: Sendable {
  let form: TokenizerForm
  private let added: [Int32: AddedToken]

  /// Reads a carried document.
  ///
  /// - Parameters:
  ///   - json: tokenizer.json with an empty vocabulary and no merges.
  ///   - tokenizerConfig: tokenizer_config.json, whose `added_tokens_decoder` completes and overrides the added tokens.
  /// - Throws: `unsupported` naming what is not implemented, `malformed` when the parts contradict each other.
  package init(_ json: OrderedJSON, tokenizerConfig: OrderedJSON?) throws(CheckpointError) {
    form = try TokenizerForm(json)
    var added: [Int32: AddedToken] = [:]
    for token in try Tokenizer.addedTokens(json, tokenizerConfig) { added[token.id] = token }
    self.added = added
  }

  /// The added token of an id with its flags, where the file's own text for it is the same.
  func token(_ id: Int32, spelled text: String) -> AddedToken? {
    guard let token = added[id] else { return nil }
    let written = [token.content, Tokenizer.ggufText(token.content)]
    return written.contains { BinaryString($0) == BinaryString(text) } ? token : nil
  }

  /// Refuses a document that splits otherwise than the file's own name for its pre-tokenizer says.
  ///
  /// A name that is not known says nothing, and neither does `default`, which stands for patterns without a name.
  func check(against pre: String) throws(CheckpointError) {
    guard pre != "default", form.pieces == nil, let known = PatternNames.named(pre) else { return }
    let isSame = known.patterns.map { BinaryString($0) } == form.pretokenizer.patterns.map { BinaryString($0) }
    guard isSame, known.ignoresMerges == form.ignoresMerges, form.pretokenizer.ggufName != nil else {
      throw CheckpointError(
        .mismatch,
        "tokenizer.ggml.pre is \"\(pre)\", and the tokenizer.json that the file carries splits text otherwise"
      )
    }
  }
}
