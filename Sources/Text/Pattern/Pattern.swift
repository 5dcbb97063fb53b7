import Base

/// A compiled regular expression that runs over UTF-8 bytes without recursion on the text and without exploding.
///
/// Foundation's expressions are not used: their `\s` and character tables differ from the Oniguruma ones that models were
/// trained with and vary with the platform, and they take time exponential in the text for careless patterns. Here a state
/// that failed at a position is remembered once an attempt gets long, so time stays linear in the text.
package struct Pattern: Sendable {
  /// One step of the program.
  enum Instruction: Sendable {
    case characters(Int)
    /// Try the first place, on failure the second.
    case split(Int, Int)
    case jump(Int)
    /// The body ends with `accept`; `next` is where the rest goes on.
    case look(next: Int, ahead: Bool, isNegated: Bool, widths: [Int])
    case atomic(next: Int)
    case lineStart, lineEnd, textStart, textEnd
    case accept
  }

  private(set) var program: [Instruction] = []
  private(set) var sets: [CharacterSet] = []
  /// What each set says about ASCII, two words of bits.
  private var ascii: [(UInt64, UInt64)] = []

  /// What messages call the pattern.
  private let subject: String
  private let sizeLimit: Int

  /// Compiles a pattern; `subject` is what messages call it, `sizeLimit` the most steps its program may have.
  ///
  /// - Throws: `unsupported` with the part that cannot be used.
  package init(
    _ text: String, subject: String = "the pre-tokenizer's pattern", sizeLimit: Int = 20_000
  ) throws(CheckpointError) {
    self.subject = subject
    self.sizeLimit = sizeLimit
    try emit(try PatternParser.parse(text, subject: subject))
    program.append(.accept)
  }

  private mutating func emit(_ node: PatternNode) throws(CheckpointError) {
    guard program.count < sizeLimit else { throw CheckpointError(.unsupported, "\(subject) is too large") }
    switch node {
    case .characters(let set):
      if let known = sets.firstIndex(of: set) {
        program.append(.characters(known))
        return
      }
      var bits: (UInt64, UInt64) = (0, 0)
      for point in UInt32(0)..<128 where set.contains(point) {
        if point < 64 { bits.0 |= 1 << UInt64(point) } else { bits.1 |= 1 << UInt64(point - 64) }
      }
      sets.append(set)
      ascii.append(bits)
      program.append(.characters(sets.count - 1))
    case .sequence(let nodes):
      for node in nodes { try emit(node) }
    case .alternatives(let nodes):
      var exits: [Int] = []
      for (place, node) in nodes.enumerated() {
        guard place < nodes.count - 1 else {
          try emit(node)
          continue
        }
        let fork = program.count
        program.append(.accept)
        try emit(node)
        exits.append(program.count)
        program.append(.accept)
        program[fork] = .split(fork + 1, program.count)
      }
      for exit in exits { program[exit] = .jump(program.count) }
    case .repetition(let body, let least, let most, .possessive):
      try emit(.atomic(.repetition(body, least: least, most: most, mode: .greedy)))
    case .repetition(let body, let least, let most, let mode):
      for _ in 0..<least { try emit(body) }
      let isLazy = mode == .lazy
      if let most {
        var forks: [Int] = []
        for _ in least..<most {
          forks.append(program.count)
          program.append(.accept)
          try emit(body)
        }
        for fork in forks {
          program[fork] = isLazy ? .split(program.count, fork + 1) : .split(fork + 1, program.count)
        }
      } else {
        let fork = program.count
        program.append(.accept)
        try emit(body)
        program.append(.jump(fork))
        program[fork] = isLazy ? .split(program.count, fork + 1) : .split(fork + 1, program.count)
      }
    case .look(let body, let ahead, let isNegated):
      let place = program.count
      program.append(.accept)
      try emit(body)
      program.append(.accept)
      let widths = ahead ? [] : try widths(of: body)
      program[place] = .look(next: program.count, ahead: ahead, isNegated: isNegated, widths: widths)
    case .atomic(let body):
      let place = program.count
      program.append(.accept)
      try emit(body)
      program.append(.accept)
      program[place] = .atomic(next: program.count)
    case .lineStart: program.append(.lineStart)
    case .lineEnd: program.append(.lineEnd)
    case .textStart: program.append(.textStart)
    case .textEnd: program.append(.textEnd)
    }
  }

  /// The numbers of characters a look-behind can span.
  private func widths(of node: PatternNode) throws(CheckpointError) -> [Int] {
    switch node {
    case .characters: return [1]
    case .look, .lineStart, .lineEnd, .textStart, .textEnd: return [0]
    case .atomic(let node): return try widths(of: node)
    case .alternatives(let nodes):
      var all: Set<Int> = []
      for node in nodes { all.formUnion(try widths(of: node)) }
      return all.sorted()
    case .sequence(let nodes):
      var all: Set<Int> = [0]
      for node in nodes {
        let more = try widths(of: node)
        all = Set(all.flatMap { width in more.map { width + $0 } }.filter { $0 <= 64 })
      }
      return all.sorted()
    case .repetition(let node, let least, let most?, _) where most <= 64:
      let own = try widths(of: node)
      guard own.count == 1 else { break }
      return (least...most).map { $0 * own[0] }
    case .repetition: break
    }
    throw CheckpointError(.unsupported, "\(subject) looks behind by an unknown length")
  }

  /// Whether a set accepts a character.
  @inline(__always)
  func accepts(_ set: Int, _ point: UInt32) -> Bool {
    if point < 64 { return ascii[set].0 >> UInt64(point) & 1 != 0 }
    if point < 128 { return ascii[set].1 >> UInt64(point - 64) & 1 != 0 }
    return sets[set].contains(point)
  }
}
