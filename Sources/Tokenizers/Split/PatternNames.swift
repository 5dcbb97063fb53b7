import Base

/// What quern knows about a pre-tokenizer that others have given a name.
struct KnownSplit: Sendable {
  /// The name in `tokenizer.ggml.pre`.
  let ggufName: String
  /// The patterns as published, applied one after the other, each match and each gap becoming a piece.
  let patterns: [String]
  /// Whether readers of the name take a whole word that is in the vocabulary without merging.
  var ignoresMerges = false
  /// The normal form that goes with it, which GGUF does not record.
  var normalizers: [Normalizer] = []
}

/// The registry of pre-tokenizers: recognised by what they say, never by what they do to a sample sentence.
///
/// One line per name; an entry whose pattern has `SplitRules` runs in the scanner, the others in `Pattern`.
enum PatternNames {
  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#

  static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  static let qwen35 =
    contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + spaces
  static let qwen2 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  static let llama3 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static func o200k(_ tail: String, _ numbers: String) -> String {
    let lead = #"[^\r\n\p{L}\p{N}]?"#
    return lead + upper + "*" + lower + "+" + tail + "|" + lead + upper + "+" + lower + "*" + tail + "|" + numbers
      + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
  }
  private static let deepseekWords =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"##
    + spaces

  /// Every known pre-tokenizer; of several names for one pattern the first is written.
  static let all: [KnownSplit] = [
    KnownSplit(ggufName: "qwen35", patterns: [qwen35], normalizers: [.nfc]),
    KnownSplit(ggufName: "qwen2", patterns: [qwen2], normalizers: [.nfc]),
    KnownSplit(ggufName: "deepseek-r1-qwen", patterns: [qwen2], normalizers: [.nfc]),
    KnownSplit(ggufName: "llama-bpe", patterns: [llama3], ignoresMerges: true),
    KnownSplit(ggufName: "smaug-bpe", patterns: [llama3], ignoresMerges: true),
    KnownSplit(ggufName: "dbrx", patterns: [llama3]),
    KnownSplit(ggufName: "gpt-2", patterns: [gpt2]),
    KnownSplit(ggufName: "smollm", patterns: [#"\p{N}"#, gpt2]),
    KnownSplit(ggufName: "starcoder", patterns: [#"\p{N}"#, gpt2]),
    KnownSplit(ggufName: "gpt-4o", patterns: [o200k(contractions + "?", #"\p{N}{1,3}"#)]),
    KnownSplit(ggufName: "tekken", patterns: [o200k("", #"\p{N}"#)], ignoresMerges: true),
    KnownSplit(
      ggufName: "default", patterns: [#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]"]),
    KnownSplit(ggufName: "deepseek-v3", patterns: [#"\p{N}{1,3}"#, "[一-龥぀-ゟ゠-ヿ]+", deepseekWords]),
  ]

  private static let rules: [BinaryString: SplitRules] = [
    BinaryString(qwen35): .modern(numberRun: 1, marks: true), BinaryString(qwen2): .modern(numberRun: 1),
    BinaryString(llama3): .modern(numberRun: 3), BinaryString(gpt2): .gpt2,
  ]

  /// The scanner's rules for a pattern, if it is one of the family.
  static func rules(for pattern: String) -> SplitRules? { rules[BinaryString(pattern)] }

  /// The entry of a GGUF name.
  static func named(_ name: String) -> KnownSplit? { all.first { BinaryString($0.ggufName) == BinaryString(name) } }

  /// The GGUF name of patterns that are applied one after the other.
  static func name(of patterns: [String], ignoresMerges: Bool) -> String? {
    let wanted = patterns.map { BinaryString($0) }
    return all.first { $0.ignoresMerges == ignoresMerges && $0.patterns.map { BinaryString($0) } == wanted }?.ggufName
  }
}
