import Runtime

/// What is put to a model otherwise is another question, whatever the weights.
enum TokenAlarms {
  static func of(_ before: OpenedModel, _ after: OpenedModel) -> [String] {
    [template(before, after), tokenizer(before, after)].compactMap { $0 }
  }

  private static func template(_ before: OpenedModel, _ after: OpenedModel) -> String? {
    guard let first = ChatFormat.template(of: before.checkpoint) else { return nil }
    guard let second = ChatFormat.template(of: after.checkpoint) else {
      return "it has no chat template, and the model before has one: a chat will be put to it otherwise"
    }
    return ChatFormat.isSame(first, second)
      ? nil : "its chat template is another one than that of the model before: a chat will be put to it otherwise"
  }

  /// The alarm of two tokenizers that differ where these texts do not show it.
  ///
  /// A tokenizer that cannot be written down as GGUF metadata cannot be told apart.
  private static func tokenizer(_ before: OpenedModel, _ after: OpenedModel) -> String? {
    guard let first = try? TokenizerFingerprint.of(before), let second = try? TokenizerFingerprint.of(after),
      first != second
    else { return nil }
    return "its tokenizer has other tokens or merges than that of the model before: other texts may be read otherwise"
  }
}
