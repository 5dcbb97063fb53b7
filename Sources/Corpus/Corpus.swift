/// The texts that come with the program, for comparing models where nothing else is at hand (docs/corpus.md).
///
/// Ten kinds of text, each a category of its own: about as much as fits ten windows of 128 tokens.
package enum Corpus {
  /// Tokens of a window: short enough for eight windows of every text, below which no text earns the best level.
  package static let context = 128

  package static let texts: [(name: String, bytes: [UInt8])] = [
    ("prose", PackageResources.prose_txt), ("dialogue", PackageResources.dialogue_txt),
    ("code", PackageResources.code_txt), ("mathematics", PackageResources.mathematics_txt),
    ("tool calls", PackageResources.tool_calls_txt), ("German", PackageResources.german_txt),
    ("French", PackageResources.french_txt), ("Russian", PackageResources.russian_txt),
    ("Chinese", PackageResources.chinese_txt), ("Arabic", PackageResources.arabic_txt),
  ]
}
