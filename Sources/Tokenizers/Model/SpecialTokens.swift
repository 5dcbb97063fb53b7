/// The tokens with a role, and which of them a text gets around it.
package struct SpecialTokens: Sendable, Equatable {
  /// A role, by its short name in configuration files.
  package enum Role: String, CaseIterable, Sendable {
    case beginning = "bos"
    case end = "eos"
    case unknown = "unk"
    case separator = "sep"
    case padding = "pad"
    case classification = "cls"
    case mask = "mask"
  }

  /// The token of each role that has one.
  package var ids: [Role: Int32] = [:]
  /// Whether a text gets the token of a role, where a file says.
  package var isAdded: [Role: Bool] = [:]

  /// No special tokens.
  package init() {}

  /// The token of a role.
  package subscript(role: Role) -> Int32? { ids[role] }
}
