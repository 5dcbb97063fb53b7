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
  /// What a prompt writes for all three; nil where it writes them out.
  private let placeholder: String?
  /// Whether its tokens stand side by side, in rows and columns, for rotary embeddings that know these; else they follow each other like
  /// text.
  package let spansGrid: Bool

  package init(before: String, token: String, after: String, placeholder: String? = nil, spansGrid: Bool = true) {
    self.before = before
    self.token = token
    self.after = after
    self.placeholder = placeholder
    self.spansGrid = spansGrid
  }

  /// What stands for a picture in what users write.
  package var place: String { placeholder ?? token }

  /// A text in which so many pictures have a place: in front of it, unless it has one.
  package func placed(_ text: String, pictures: Int) -> String {
    if text.contains(place) || text.contains(token) { return text }
    return String(repeating: placeholder ?? before + token + after, count: pictures) + text
  }

  /// A prompt in which each picture is written out, its token once, unless it is already.
  package func writtenOut(_ prompt: String) -> String {
    guard let placeholder, !prompt.contains(token) else { return prompt }
    return prompt.replacing(placeholder, with: before + token + after)
  }
}
