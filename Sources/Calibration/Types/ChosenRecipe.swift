import Conversion
import Quants

extension Recipe {
  /// The recipe that gives each tensor a type of its own: what most have as its base, and a rule of names for each other type.
  ///
  /// Layers that get the same type in the same place share an expression, and all expressions of a type a rule where the length of one
  /// allows.
  package init(_ name: String, types: [(name: String, type: TensorType)]) {
    var order: [TensorType] = []
    var names: [TensorType: [String]] = [:]
    for (name, type) in types {
      if names[type] == nil { order.append(type) }
      names[type, default: []].append(name)
    }
    // `max` would take the last of equal ones.
    let most = order.map { names[$0]?.count ?? 0 }.max() ?? 0
    let base = order.first { names[$0]?.count == most }
    self = .conversion(to: base)
    (self.name, fallback) = (name, .smallerBlocks)
    for type in order where type != base {
      rules += Self.patterns(of: names[type] ?? []).map { Rule([.pattern($0)], type) }
    }
  }

  /// Characters of one expression: well under what is read.
  private static let longest = 900

  /// Expressions that find these names and no others.
  static func patterns(of names: [String]) -> [String] {
    var order: [String] = []
    var layers: [String: [Int]] = [:]
    for name in names {
      let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      // Only numbers that are written in one way: `blk.01` is another name than `blk.1`.
      if parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), String(layer) == parts[1], layer >= 0 {
        let rest = escaped(parts[2])
        if layers[rest] == nil { order.append(rest) }
        layers[rest, default: []].append(layer)
      } else {
        order.append(escaped(name))
      }
    }
    let pieces = order.flatMap { rest -> [String] in
      guard let numbers = layers[rest] else { return [rest] }
      // A hundred numbers take 300 characters.
      return stride(from: 0, to: numbers.count, by: 100).map { start in
        let part = numbers[start..<min(numbers.count, start + 100)].map(String.init)
        return #"blk\."# + (part.count == 1 ? part[0] : "(?:\(part.joined(separator: "|")))") + #"\."# + rest
      }
    }
    var patterns: [[String]] = []
    var length = 0
    for piece in pieces {
      if patterns.isEmpty || length + piece.utf8.count > longest {
        patterns.append([])
        length = 0
      }
      patterns[patterns.count - 1].append(piece)
      length += piece.utf8.count + 1
    }
    return patterns.map { $0.count == 1 ? "^\($0[0])$" : "^(?:\($0.joined(separator: "|")))$" }
  }

  private static func escaped(_ name: String) -> String {
    var result = ""
    for scalar in name.unicodeScalars {
      if #"\.^$|?*+()[]{}"#.unicodeScalars.contains(scalar) { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(scalar)
    }
    return result
  }
}
