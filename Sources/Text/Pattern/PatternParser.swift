import Base

/// The parts of a regular expression as written.
indirect enum PatternNode: Sendable, Equatable {
  case characters(CharacterSet)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repetition(PatternNode, least: Int, most: Int?, mode: RepetitionMode)
  case look(PatternNode, ahead: Bool, isNegated: Bool)
  case atomic(PatternNode)
  case lineStart
  case lineEnd
  case textStart
  case textEnd

  enum RepetitionMode: Sendable { case greedy, lazy, possessive }

  /// Whether this can match without taking a character.
  var canBeEmpty: Bool {
    switch self {
    case .characters: false
    case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
    case .alternatives(let nodes): nodes.contains(where: \.canBeEmpty)
    case .repetition(let node, let least, _, _): least == 0 || node.canBeEmpty
    case .atomic(let node): node.canBeEmpty
    case .look, .lineStart, .lineEnd, .textStart, .textEnd: true
    }
  }
}

/// Reads the regular expressions that pre-tokenizers are written in: the Oniguruma dialect without captures' effects.
struct PatternParser {
  private let scalars: [UInt32]
  /// What messages call the pattern.
  private let subject: String
  private var position = 0
  private var ignoresCase = false

  private static let depthLimit = 48

  private init(_ text: String, _ subject: String) {
    scalars = text.unicodeScalars.map(\.value)
    self.subject = subject
  }

  /// The parts of a pattern; `subject` is what messages call it.
  ///
  /// - Throws: `unsupported` with the part that is not understood.
  static func parse(_ text: String, subject: String) throws(CheckpointError) -> PatternNode {
    var parser = PatternParser(text, subject)
    let node = try parser.alternatives(depth: 0)
    guard parser.position == parser.scalars.count else { throw parser.failure("a ) closes nothing") }
    return node
  }

  private func failure(_ reason: String) -> CheckpointError {
    CheckpointError(.unsupported, "\(subject) cannot be used: \(reason), at character \(position)")
  }

  private var next: UInt32? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func alternatives(depth: Int) throws(CheckpointError) -> PatternNode {
    guard depth < Self.depthLimit else { throw failure("groups are nested deeper than \(Self.depthLimit)") }
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    var branches: [PatternNode] = []
    repeat { branches.append(try sequence(depth: depth)) } while take("|")
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence(depth: Int) throws(CheckpointError) -> PatternNode {
    var nodes: [PatternNode] = []
    while let scalar = next, scalar != 0x7C, scalar != 0x29 {
      guard let node = try atom(depth: depth) else { continue }
      nodes.append(try repeated(node))
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  private mutating func atom(depth: Int) throws(CheckpointError) -> PatternNode? {
    if take("(") { return try group(depth: depth) }
    if take("[") { return .characters(try set(depth: depth)) }
    if take(".") {
      return .characters(CharacterSet(items: [.range(0x0A...0x0A)], isNegated: true))
    }
    if take("^") { return .lineStart }
    if take("$") { return .lineEnd }
    if take("\\A") { return .textStart }
    if take("\\z") { return .textEnd }
    if take("\\") { return .characters(CharacterSet(items: [try escape()], ignoresCase: ignoresCase)) }
    guard let scalar = next else { throw failure("the pattern ends too early") }
    if scalar == 0x2A || scalar == 0x2B || scalar == 0x3F { throw failure("a repetition repeats nothing") }
    position += 1
    return .characters(CharacterSet(items: [.range(scalar...scalar)], ignoresCase: ignoresCase))
  }

  private mutating func group(depth: Int) throws(CheckpointError) -> PatternNode? {
    var wrap: (PatternNode) -> PatternNode = { $0 }
    let outerCase = ignoresCase
    if take("?i)") {
      ignoresCase = true
      return nil
    }
    if take("?:") {
    } else if take("?i:") {
      ignoresCase = true
    } else if take("?-i:") {
      ignoresCase = false
    } else if take("?=") {
      wrap = { .look($0, ahead: true, isNegated: false) }
    } else if take("?!") {
      wrap = { .look($0, ahead: true, isNegated: true) }
    } else if take("?<=") {
      wrap = { .look($0, ahead: false, isNegated: false) }
    } else if take("?<!") {
      wrap = { .look($0, ahead: false, isNegated: true) }
    } else if take("?>") {
      wrap = { .atomic($0) }
    } else if next == 0x3F {
      throw failure("this kind of group is not supported")
    }
    let inner = try alternatives(depth: depth + 1)
    ignoresCase = outerCase
    guard take(")") else { throw failure("a group is not closed") }
    return wrap(inner)
  }

  private mutating func repeated(_ node: PatternNode) throws(CheckpointError) -> PatternNode {
    var node = node
    for _ in 0..<4 {
      var bounds: (Int, Int?)?
      var isCounted = false
      if take("*") {
        bounds = (0, nil)
      } else if take("+") {
        bounds = (1, nil)
      } else if take("?") {
        bounds = (0, 1)
      } else if next == 0x7B {
        bounds = counts()
        isCounted = true
      }
      guard let bounds else { return node }
      guard bounds.1 == 1 || !node.canBeEmpty else { throw failure("a repeated part can match nothing") }
      if let most = bounds.1, most < bounds.0 { throw failure("a repetition's limits are reversed") }
      var mode = PatternNode.RepetitionMode.greedy
      if take("?") { mode = .lazy } else if !isCounted, take("+") { mode = .possessive }
      node = .repetition(node, least: bounds.0, most: bounds.1, mode: mode)
    }
    throw failure("repetitions are repeated too often")
  }

  /// Reads `{n}`, `{n,}`, `{,m}` or `{n,m}`; anything else is an ordinary brace.
  private mutating func counts() -> (Int, Int?)? {
    let start = position
    position += 1
    let least = number()
    var most = least
    if take(",") { most = number() } else if least == nil { most = -1 }
    guard take("}"), most != -1, least != nil || most != nil else {
      position = start
      return nil
    }
    return (least ?? 0, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = next, (0x30...0x39).contains(scalar), value ?? 0 < 10_000 {
      value = (value ?? 0) * 10 + Int(scalar - 0x30)
      position += 1
    }
    return value
  }

  private mutating func set(depth: Int) throws(CheckpointError) -> CharacterSet {
    guard depth < Self.depthLimit else { throw failure("sets are nested deeper than \(Self.depthLimit)") }
    var result = CharacterSet(ignoresCase: ignoresCase)
    result.isNegated = take("^")
    var isFirst = true
    while true {
      guard let scalar = next else { throw failure("a set is not closed") }
      if scalar == 0x5D, !isFirst {
        position += 1
        return result
      }
      if take("&&") { throw failure("intersections of sets are not supported") }
      if take("[:") { throw failure("bracketed class names are not supported") }
      isFirst = false
      if take("[") {
        result.items.append(.set(try set(depth: depth + 1)))
        continue
      }
      let item = try member()
      // A hyphen makes a range only between two single characters.
      if case .range(let low) = item, next == 0x2D, position + 1 < scalars.count, scalars[position + 1] != 0x5D {
        position += 1
        guard case .range(let high) = try member(), high.lowerBound >= low.lowerBound else {
          throw failure("a range of characters is reversed")
        }
        result.items.append(.range(low.lowerBound...high.lowerBound))
      } else {
        result.items.append(item)
      }
    }
  }

  private mutating func member() throws(CheckpointError) -> CharacterSet.Item {
    if take("\\") { return try escape() }
    guard let scalar = next else { throw failure("a set is not closed") }
    position += 1
    return .range(scalar...scalar)
  }

  private mutating func escape() throws(CheckpointError) -> CharacterSet.Item {
    guard let scalar = next, let letter = Unicode.Scalar(scalar) else { throw failure("the pattern ends after \\") }
    position += 1
    switch Character(letter) {
    case "p", "P": return try property(isNegated: letter == "P")
    case "s": return .property(.table(.space), isNegated: false)
    case "S": return .property(.table(.space), isNegated: true)
    case "d": return .property(.category("Nd"), isNegated: false)
    case "D": return .property(.category("Nd"), isNegated: true)
    case "w": return .property(.word, isNegated: false)
    case "W": return .property(.word, isNegated: true)
    case "n": return .range(0x0A...0x0A)
    case "r": return .range(0x0D...0x0D)
    case "t": return .range(0x09...0x09)
    case "v": return .range(0x0B...0x0B)
    case "f": return .range(0x0C...0x0C)
    case "a": return .range(0x07...0x07)
    case "e": return .range(0x1B...0x1B)
    case "x": return try hexadecimal(digits: 2)
    case "u": return try hexadecimal(digits: 4)
    default:
      let isWord = (0x30...0x39).contains(scalar) || (0x41...0x5A).contains(scalar) || (0x61...0x7A).contains(scalar)
      guard !isWord else { throw failure("\\\(letter) is not supported") }
      return .range(scalar...scalar)
    }
  }

  private mutating func property(isNegated: Bool) throws(CheckpointError) -> CharacterSet.Item {
    var name = ""
    if take("{") {
      while let scalar = next, scalar != 0x7D, let part = Unicode.Scalar(scalar), name.utf8.count < 64 {
        name.unicodeScalars.append(part)
        position += 1
      }
      guard take("}") else { throw failure("\\p{ is not closed") }
    }
    let isInverted = name.hasPrefix("^")
    if isInverted { name.removeFirst() }
    guard let property = CharacterSet.Property(name: name) else {
      throw failure("the character property \"\(name)\" is not supported")
    }
    return .property(property, isNegated: isNegated != isInverted)
  }

  private mutating func hexadecimal(digits: Int) throws(CheckpointError) -> CharacterSet.Item {
    let isBraced = take("{")
    var value: UInt32 = 0
    var count = 0
    while let scalar = next, let part = Unicode.Scalar(scalar), part.isASCII,
      let digit = Character(part).hexDigitValue, count < (isBraced ? 6 : digits)
    {
      value = value << 4 | UInt32(digit)
      position += 1
      count += 1
    }
    guard count > 0, value <= 0x10FFFF, !isBraced || take("}") else { throw failure("\\x lacks its digits") }
    return .range(value...value)
  }
}
