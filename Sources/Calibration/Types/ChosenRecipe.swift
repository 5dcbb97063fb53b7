import Architectures
import Conversion
import Quants

extension Recipe {
  /// The recipe that gives each tensor a type of its own: what most have as its base, and a rule of names for each other type.
  ///
  /// Layers that get the same type in the same place share an expression, and all expressions of a type a rule where the length of one
  /// allows. Tensors of the vision encoder have rules that are for its architecture alone.
  package init(
    _ name: String, types: [(name: String, type: TensorType)], vision: [(name: String, type: TensorType)] = []
  ) {
    let groups = Self.groups(types)
    // `max` would take the last of equal ones.
    let most = groups.map(\.names.count).max() ?? 0
    let base = groups.first { $0.names.count == most }?.type
    self = .conversion(to: base)
    (self.name, fallback) = (name, .smallerBlocks)
    for (type, names) in groups where type != base {
      rules += Self.patterns(of: names).map { Rule([.pattern($0)], type) }
    }
    for (type, names) in Self.groups(vision) where type != .f16 {
      rules += Self.patterns(of: names).map { Rule([.architecture(ProjectorFile.architecture), .pattern($0)], type) }
    }
  }

  /// Names by type, in the order in which types first come.
  private static func groups(_ types: [(name: String, type: TensorType)]) -> [(type: TensorType, names: [String])] {
    var groups: [(type: TensorType, names: [String])] = []
    for (name, type) in types {
      if let place = groups.firstIndex(where: { $0.type == type }) {
        groups[place].names.append(name)
      } else {
        groups.append((type, [name]))
      }
    }
    return groups
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
