import Architectures
import Base
import Containers
import Text

/// The tensors that patterns leave out: those that have no place in a model, and no others.
struct LeftOut {
  /// The names of what is left out, in the order of the checkpoint.
  private(set) var names: [String] = []
  private let known: Set<BinaryString>

  /// Whether a tensor is left out.
  func contains(_ name: String) -> Bool { known.contains(BinaryString(name)) }

  /// Matches patterns against a checkpoint.
  ///
  /// - Parameters:
  ///   - patterns: regular expressions over the names of the source.
  ///   - rules: the tensors of the family; none where it is not known, and then nothing is needed.
  ///   - checkpoints: the sources.
  ///   - isWanted: whether a rule's tensor is to be written.
  /// - Throws: `usage` when a pattern matches nothing or a tensor that is needed, `malformed` when it is not an expression.
  init(
    _ patterns: [String], rules: [TensorRule], of checkpoints: [Checkpoint],
    isWanted: (TensorRule) -> Bool = { _ in true }
  ) throws(CheckpointError) {
    guard let file = checkpoints.first?.path, !patterns.isEmpty else {
      known = []
      return
    }
    let tensors = checkpoints.flatMap { $0.tensors.map(\.name) }
    let ofRules = Set(rules.flatMap { [BinaryString($0.savedName), BinaryString($0.name(in: .gguf))] })
    let foreign = tensors.filter { !ofRules.contains(BinaryString($0)) }
    var found: Set<BinaryString> = []
    for text in patterns {
      let subject = "the pattern '\(text)' of what is left out"
      let pattern: NamePattern
      do throws(CheckpointError) {
        pattern = try NamePattern(text)
      } catch {
        throw CheckpointError(.usage, "\(subject): \(error.message)")
      }
      for rule in rules where isWanted(rule) {
        guard try pattern.isFound(in: [rule.savedName, rule.name(in: .gguf)]).contains(true) else { continue }
        throw CheckpointError(
          .usage, "\(subject) matches \(rule.name(in: checkpoints[0])), which the model needs", file: file,
          remedy: rule.part.remedy)
      }
      let matches = zip(foreign, try pattern.isFound(in: foreign)).filter(\.1).map(\.0)
      guard !matches.isEmpty else {
        let near = NearNames.of(text, in: foreign.isEmpty ? tensors : foreign)
        throw CheckpointError(
          .usage,
          foreign.isEmpty
            ? "\(subject): every tensor has its place in this model, there is none to leave out"
            : "\(subject) matches no tensor; those without a place are \(near.joined(separator: ", "))", file: file)
      }
      found.formUnion(matches.map { BinaryString($0) })
    }
    known = found
    names = foreign.filter { found.contains(BinaryString($0)) }
  }

  /// What to tell about it; empty for nothing.
  var notes: [String] {
    names.isEmpty ? [] : ["\(counted(names.count, "tensor")) left out as asked: \(listed(names))"]
  }

  /// Writes into a file what it does not hold.
  func describe(in metadata: inout Metadata) {
    guard !names.isEmpty else { return }
    let before = metadata.texts(Provenance.leftOutKey) ?? []
    metadata[Provenance.leftOutKey] = .array(.string(TextList(Array(before) + names)))
  }
}
