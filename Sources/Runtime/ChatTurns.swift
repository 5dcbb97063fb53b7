import Architectures
import Base
import Containers

/// One message of a conversation.
package struct ChatMessage: Sendable, Equatable {
  /// `system`, `user` or `assistant`.
  package let role: String
  package let content: String
  /// What an assistant thought before it answered, where that is told apart.
  package let thoughts: String?

  package init(role: String, content: String, thoughts: String? = nil) {
    self.role = role
    self.content = content
    self.thoughts = thoughts
  }
}

/// A message as the template renders it, in three parts.
package struct ChatTurn: Sendable, Equatable {
  /// What stands before the model writes: the header, and what the template itself opens an answer with.
  package let opening: String
  /// What the model writes, up to and with the token that ends the turn; of other roles, the message.
  package let content: String
  /// What stands between this turn and the next.
  package let ending: String
  package let isAnswer: Bool
}

extension ChatFormat {
  /// A conversation as the model's template renders it.
  ///
  /// Templates that leave thoughts out of all but the newest answer (Qwen3 and later) are recognised by how they look for the last
  /// question; they are followed for conversations of questions and answers.
  ///
  /// - Throws: `missing` when the model has no template, `unsupported` when it is not in the family's form.
  package static func turns(_ messages: [ChatMessage], for checkpoint: Checkpoint) throws(CheckpointError) -> [ChatTurn]
  {
    let (template, chat) = try known(
      checkpoint,
      without: "the model has no chat template, so conversations cannot be put into its form; give plain text",
      unknown: "; give conversations as plain text in its form")
    let forgets = template.contains("last_query_index") && template.contains("</think>")
    let opens = answerOpening(template)
    let messages = joined(messages, chat)
    let preamble = messages.first?.role == "system" ? "" : chat.withoutSystem(template)
    return messages.enumerated().map { index, message in
      let isAnswer = message.role == "assistant"
      var content = trims(template) ? trimmed(message.content) : message.content
      if isAnswer, forgets {
        let (thoughts, answer) = parted(message)
        content = trims(template) ? trimmed(answer) : answer
        if index == messages.count - 1 {
          content = "<think>\n\(trims(template) ? trimmed(thoughts) : thoughts)\n</think>\n\n\(content)"
        }
      } else if isAnswer, let thoughts = message.thoughts {
        content = "<think>\n\(thoughts)\n</think>\n\n\(content)"
      }
      if message.role == "system", index == 0 { content = chat.system(content) }
      let turn = chat.turn(message.role)
      var opening = (index == 0 ? preamble : "") + turn.opening
      if isAnswer, !opens.isEmpty, content.hasPrefix(opens) {
        opening += opens
        content.removeFirst(opens.count)
      }
      return ChatTurn(
        opening: opening, content: content + turn.ending, ending: chat.betweenTurns, isAnswer: isAnswer)
    }
  }

  /// Messages without a system message where the form has none: it stands before the first of a user.
  private static func joined(_ messages: [ChatMessage], _ chat: ChatMarkup) -> [ChatMessage] {
    guard let joint = chat.systemJoint, messages.count > 1, messages[0].role == "system", messages[1].role == "user"
    else {
      return messages
    }
    let first = ChatMessage(role: "user", content: messages[0].content + joint + messages[1].content)
    return [first] + messages.dropFirst(2)
  }

  /// Thoughts and answer of a message, which may hold both in its content.
  private static func parted(_ message: ChatMessage) -> (thoughts: String, answer: String) {
    func bare(_ text: Substring) -> String {
      var text = text
      while text.first == "\n" { text.removeFirst() }
      while text.last == "\n" { text.removeLast() }
      return String(text)
    }
    guard let end = message.content.ranges(of: "</think>").last else {
      return (bare((message.thoughts ?? "")[...]), message.content)
    }
    let before = message.content[..<end.lowerBound]
    let start = before.ranges(of: "<think>").last?.upperBound ?? before.startIndex
    var answer = message.content[end.upperBound...]
    while answer.first == "\n" { answer.removeFirst() }
    return (message.thoughts.map { bare($0[...]) } ?? bare(before[start...]), String(answer))
  }
}
