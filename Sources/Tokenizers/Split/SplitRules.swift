/// The variations within the family of patterns that nearly all byte-level vocabularies are split by.
///
/// Written by hand for these because they carry the speed; any other pattern runs in `Pattern`, and the tests hold the two
/// against each other.
struct SplitRules: Hashable, Sendable {
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)` instead of the lower-case ones only.
  var anyCaseContractions: Bool
  /// Words are `[\p{L}\p{M}]+` instead of `\p{L}+`.
  var wordsTakeMarks: Bool
  /// The longest run of `\p{N}`.
  var numberRun: Int
  /// The GPT-2 form: words, numbers and signs take one space before them, and line ends are ordinary white space.
  ///
  /// Otherwise words take any one character before them that is not a letter, number or line end, signs take the line ends
  /// that follow, and white space ends after its last line end.
  var isGPT2: Bool

  /// GPT-2's pattern.
  static let gpt2 = SplitRules(
    anyCaseContractions: false, wordsTakeMarks: false, numberRun: .max, isGPT2: true)
  /// The pattern of cl100k and its descendants.
  static func modern(numberRun: Int, marks: Bool = false) -> SplitRules {
    SplitRules(anyCaseContractions: true, wordsTakeMarks: marks, numberRun: numberRun, isGPT2: false)
  }
}
