/// How the chat models of a family are spoken to.
package protocol Conversation: Sendable {
  /// The forms of its chat templates that are known, the usual one first.
  static var chats: [ChatMarkup] { get }
  /// Tokens that end an answer, besides those that the files name.
  static var stopWords: [String] { get }
  /// What stands for a picture in a prompt; nil for a family that reads none.
  static var picture: PictureMarkup? { get }
}

extension Conversation {
  package static var chats: [ChatMarkup] { [.chatML] }

  package static var stopWords: [String] { chats.map(\.endOfAnswer) }

  package static var picture: PictureMarkup? { nil }
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
