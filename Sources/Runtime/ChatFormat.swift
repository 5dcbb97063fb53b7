import Architectures
import Base
import Containers
import Tokenizers

/// Puts a prompt into the form a chat model was trained on.
///
/// A chat template is a program of a file's author, and files are hostile: it is recognised, never run. The form that its family
/// uses is known, with its ways of trimming a message and of opening an answer; anything else is refused by name.
package enum ChatFormat {
  /// One user turn and the opening of the answer.
  ///
  /// - Throws: `missing` when the model has no template, `unsupported` when it is not in the family's form.
  package static func userTurn(_ text: String, for checkpoint: Checkpoint) throws(CheckpointError) -> String {
    let (template, chat) = try known(
      checkpoint, without: "the model has no chat template", unknown: "", remedy: .givePlainPrompt)
    let content = trims(template) ? trimmed(text) : text
    let user = chat.turn("user")
    return chat.withoutSystem(template) + user.opening + content + user.ending + chat.betweenTurns + chat.answerOpening
      + answerOpening(template)
  }

  /// The template of a model and what it writes around messages.
  ///
  /// - Throws: `missing` or `unsupported`, in words of the caller.
  static func known(
    _ checkpoint: Checkpoint, without: String, unknown: String, remedy: Remedy? = nil
  ) throws(CheckpointError) -> (template: String, chat: ChatMarkup) {
    guard let template = template(of: checkpoint) else {
      throw CheckpointError(.missing, without, file: checkpoint.path, remedy: remedy)
    }
    let known = markups(of: checkpoint)
    guard let chat = known.first(where: { $0.isWritten(by: template) }) else {
      let names = Set(known.map(\.name)).sorted().joined(separator: " or ")
      throw CheckpointError(
        .unsupported, "the chat template is unknown: it is not \(names), as this family's are" + unknown,
        file: checkpoint.path, remedy: remedy)
    }
    return (template, chat)
  }

  /// What the chat templates of a model's family write around messages; ChatML where the family is not known.
  private static func markups(of checkpoint: Checkpoint) -> [ChatMarkup] {
    Architectures.family(of: checkpoint)?.chats ?? [.chatML]
  }

  /// What the chat template of a model writes around messages; nil where it has none or one that is not known.
  package static func markup(of checkpoint: Checkpoint) -> ChatMarkup? {
    template(of: checkpoint).flatMap { template in markups(of: checkpoint).first { $0.isWritten(by: template) } }
  }

  /// Whether a model has a chat template of a form that is known.
  package static func isKnown(of checkpoint: Checkpoint) -> Bool {
    markup(of: checkpoint) != nil
  }

  /// The chat template of a folder or a GGUF.
  package static func template(of checkpoint: Checkpoint) -> String? {
    checkpoint.folder?.chatTemplate ?? checkpoint.metadata.string(GGUFKeys.chatTemplate)
  }

  /// Whether two templates are the same text; editors add line feeds at the end.
  package static func isSame(_ first: String, _ second: String) -> Bool {
    func bare(_ template: String) -> ArraySlice<UInt8> {
      var bytes = Array(template.utf8)[...]
      while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
      return bytes
    }
    return bare(first) == bare(second)
  }

  /// Whether the template renders a message without the white space around it, `content|trim`.
  static func trims(_ template: String) -> Bool {
    var rest = template[...]
    while let bar = rest.firstIndex(of: "|") {
      rest = rest[rest.index(after: bar)...].drop { $0 == " " }
      if rest.hasPrefix("trim") { return true }
    }
    return false
  }

  /// A text without the white space around it, as Python's `strip` takes it off.
  static func trimmed(_ text: String) -> String {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
    var scalars = text.unicodeScalars[...]
    while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
    while let last = scalars.last, isSpace(last) { scalars.removeLast() }
    return String(scalars)
  }

  /// What the template itself writes first in an answer when nobody says whether to think.
  ///
  /// Read from what the template writes behind its last `add_generation_prompt`. A condition on `enable_thinking` asks for
  /// `true` or for `false`, and is not met when nobody says: what stands behind `else` is written, or nothing. Only a denied
  /// one (`not enable_thinking`, `is not`) is met.
  static func answerOpening(_ template: String) -> String {
    guard let prompt = template.lastRange(of: "add_generation_prompt") else { return "" }
    var written = template[prompt.upperBound...]
    if let condition = written.firstRange(of: "enable_thinking") {
      let branches = written[condition.upperBound...]
      let isNegated =
        written[..<condition.lowerBound].hasSuffix("not ") || branches.hasPrefix(" is not ")
        || branches.hasPrefix(" != ")
      let end = branches.firstRange(of: "endif")?.lowerBound ?? branches.endIndex
      let middle = branches[..<end].firstRange(of: "else")
      if isNegated {
        written = branches[..<(middle?.lowerBound ?? end)]
      } else {
        written = middle.map { branches[$0.upperBound..<end] } ?? ""
      }
    }
    guard written.contains(#"<think>\n"#) else { return "" }
    return written.contains("</think>") ? "<think>\n\n</think>\n\n" : "<think>\n"
  }
}

extension StringProtocol {
  /// The last place of a text.
  fileprivate func lastRange(of text: String) -> Range<Index>? { ranges(of: text).last }
}
