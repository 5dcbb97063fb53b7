/// The keys of GGUF metadata that hold a tokenizer.
package enum GGUFKeys {
  /// The kind of vocabulary.
  package static let model = "tokenizer.ggml.model"
  /// The name of the patterns by which text is cut into words.
  package static let split = "tokenizer.ggml.pre"
  package static let tokens = "tokenizer.ggml.tokens"
  /// What each token is: see ``TokenType``.
  package static let types = "tokenizer.ggml.token_type"
  package static let merges = "tokenizer.ggml.merges"
  /// The score of each token of a SentencePiece vocabulary.
  package static let scores = "tokenizer.ggml.scores"
  /// Whether a space goes before a text; true for SentencePiece vocabularies of a file that does not say.
  package static let addsSpacePrefix = "tokenizer.ggml.add_space_prefix"
  /// Whether spaces at the ends go, and all but one of several in a row.
  static let removesExtraSpaces = "tokenizer.ggml.remove_extra_whitespaces"
  /// SentencePiece's replacements: see ``CharacterMap``.
  static let characterMap = "tokenizer.ggml.precompiled_charsmap"

  package static let chatTemplate = "tokenizer.chat_template"
  /// The names of further templates; each is under the key of ``chatTemplate(named:)``.
  package static let chatTemplates = "tokenizer.chat_templates"
  package static func chatTemplate(named name: String) -> String { "\(chatTemplate).\(name)" }

  /// The key under which quern keeps the split patterns of a pre-tokenizer that has no name in GGUF.
  package static let patterns = "quern.tokenizer.patterns"
  /// The key under which quern keeps the merges of a vocabulary that GGUF has only scores for: the ids of both parts of each.
  static let pieceMerges = "quern.tokenizer.merges"
  /// What the keys begin with under which quern keeps documents of a Hugging Face folder; the document's name follows.
  package static let documents = "quern.huggingface."
  /// The key under which a converter keeps tokenizer.json without its vocabulary and merges.
  package static let document = documents + "tokenizer"
  /// The key under which a converter keeps tokenizer_config.json.
  package static let configuration = documents + "tokenizer_config"
}

extension SpecialTokens.Role {
  /// The key of its id; the misspelling is the format's.
  package var ggufKey: String {
    switch self {
    case .beginning: "tokenizer.ggml.bos_token_id"
    case .end: "tokenizer.ggml.eos_token_id"
    case .unknown: "tokenizer.ggml.unknown_token_id"
    case .separator: "tokenizer.ggml.seperator_token_id"
    case .padding: "tokenizer.ggml.padding_token_id"
    case .classification: "tokenizer.ggml.cls_token_id"
    case .mask: "tokenizer.ggml.mask_token_id"
    }
  }

  /// The key that says whether a text gets it, for the roles that have one.
  package var ggufAddKey: String? {
    switch self {
    case .beginning, .end, .separator: "tokenizer.ggml.add_\(rawValue)_token"
    default: nil
    }
  }
}
