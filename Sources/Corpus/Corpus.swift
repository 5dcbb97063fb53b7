/// The texts that come with the program (docs/corpus.md).
///
/// There are those for comparing models where nothing else is at hand, and those on which a model is run to see how much
/// its inputs and tensors matter. The two sets share nothing.
package enum Corpus {
  /// Tokens of a window: short enough for eight windows of every text, below which no text earns the best level.
  package static let context = 128

  /// The judging texts: ten kinds, each a category of its own, about as much as fits ten windows of 128 tokens.
  package static let texts: [(name: String, bytes: [UInt8])] = [
    ("prose", PackageResources.prose_txt), ("dialogue", PackageResources.dialogue_txt),
    ("code", PackageResources.code_txt), ("mathematics", PackageResources.mathematics_txt),
    ("tool calls", PackageResources.tool_calls_txt), ("German", PackageResources.german_txt),
    ("French", PackageResources.french_txt), ("Russian", PackageResources.russian_txt),
    ("Chinese", PackageResources.chinese_txt), ("Arabic", PackageResources.arabic_txt),
  ]

  /// The calibration texts, each with its share: of a number of tokens to be read, a text gives its share divided by the
  /// sum of all shares.
  package static let calibration: [(name: String, bytes: [UInt8], share: Int)] = [
    ("prose", PackageResources.calibration_prose_txt, 14),
    ("essays", PackageResources.calibration_essays_txt, 3),
    ("dialogue", PackageResources.calibration_dialogue_txt, 4),
    ("mathematics", PackageResources.calibration_mathematics_txt, 1),
    ("tool calls", PackageResources.calibration_tool_calls_txt, 1),
    ("code in Swift", PackageResources.calibration_code_swift_txt, 2),
    ("code in Python", PackageResources.calibration_code_python_txt, 2),
    ("code in C", PackageResources.calibration_code_c_txt, 2),
    ("code of the web", PackageResources.calibration_code_web_txt, 2),
    ("German", PackageResources.calibration_german_txt, 1),
    ("French", PackageResources.calibration_french_txt, 1),
    ("Spanish", PackageResources.calibration_spanish_txt, 1),
    ("Portuguese", PackageResources.calibration_portuguese_txt, 1),
    ("Russian", PackageResources.calibration_russian_txt, 1),
    ("Arabic", PackageResources.calibration_arabic_txt, 1),
    ("Hindi", PackageResources.calibration_hindi_txt, 1),
    ("Chinese", PackageResources.calibration_chinese_txt, 1),
    ("Japanese", PackageResources.calibration_japanese_txt, 1),
    ("Korean", PackageResources.calibration_korean_txt, 1),
  ]
}
