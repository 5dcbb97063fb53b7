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
  /// The roles that are named in a certain order, and those whose token is said to be added or not.
  private var order: [Role] = []
  private var addOrder: [Role] = []

  /// No special tokens.
  package init() {}

  /// Names the token of a role after those that are named already.
  mutating func name(_ role: Role, _ id: Int32) {
    if ids[role] == nil { order.append(role) }
    ids[role] = id
  }

  /// Says whether a text gets the token of a role.
  mutating func add(_ role: Role, _ isAdded: Bool) {
    if self.isAdded[role] == nil { addOrder.append(role) }
    self.isAdded[role] = isAdded
  }

  /// The roles that have a token in the order in which the files name them, in which converters write them.
  var named: [Role] { (order + Role.allCases.filter { !order.contains($0) }).filter { ids[$0] != nil } }

  /// The roles of which a file says whether their token is added, in its order.
  var told: [Role] { (addOrder + Role.allCases.filter { !addOrder.contains($0) }).filter { isAdded[$0] != nil } }

  /// The token of a role.
  package subscript(role: Role) -> Int32? { ids[role] }
}
