/// How the chat models of a family are spoken to.
package protocol Conversation: Sendable {
  /// What its chat templates write around messages.
  static var chat: ChatMarkup { get }
  /// Tokens that end an answer, besides those that the files name.
  static var stopWords: [String] { get }
  /// What stands for a picture in a prompt; nil for a family that reads none.
  static var picture: PictureMarkup? { get }
}

extension Conversation {
  package static var chat: ChatMarkup { .chatML }

  package static var stopWords: [String] { [chat.endOfTurn] }

  package static var picture: PictureMarkup? { nil }
}

/// What a chat template writes around the messages of a conversation.
package struct ChatMarkup: Sendable, Equatable {
  /// What messages call the form.
  package let name: String
  /// The token that begins a turn; the role follows.
  package let startOfTurn: String
  /// What stands between the role and the message.
  package let endOfRole: String
  /// The token that ends a turn.
  package let endOfTurn: String
  /// What stands between turns.
  package let betweenTurns: String

  /// The form of the Qwen family, which many others took over.
  package static let chatML = ChatMarkup(
    name: "ChatML", startOfTurn: "<|im_start|>", endOfRole: "\n", endOfTurn: "<|im_end|>", betweenTurns: "\n")

  /// What stands before a message.
  package func opening(_ role: String) -> String { startOfTurn + role + endOfRole }

  /// Whether a template writes turns in this form.
  package func isWritten(by template: String) -> Bool {
    template.contains(startOfTurn) && template.contains(endOfTurn)
  }
}

/// What a prompt writes where a picture is to be seen.
package struct PictureMarkup: Sendable, Equatable {
  package let before: String
  /// The token that is repeated for as many rows as the picture becomes.
  package let token: String
  package let after: String

  package init(before: String, token: String, after: String) {
    self.before = before
    self.token = token
    self.after = after
  }
}
