import Architectures

/// A chat that is put otherwise is another chat, whatever the weights.
enum TemplateAlarms {
  static func of(_ before: OpenedModel, _ after: OpenedModel) -> [String] {
    guard let first = ChatFormat.template(of: before.checkpoint) else { return [] }
    guard let second = ChatFormat.template(of: after.checkpoint) else {
      return ["it has no chat template, and the model before has one: a chat will be put to it otherwise"]
    }
    return ChatFormat.isSame(first, second)
      ? [] : ["its chat template is another one than that of the model before: a chat will be put to it otherwise"]
  }
}
