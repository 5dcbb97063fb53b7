import Base
import Containers

extension TensorRule {
  /// The dialect a checkpoint of the family speaks.
  package func dialect(of checkpoint: Checkpoint) -> Dialect { checkpoint.format == .gguf ? .gguf : savedDialect }

  /// The name of the tensor in a checkpoint of the family.
  package func name(in checkpoint: Checkpoint) -> String {
    checkpoint.format == .gguf ? name(in: .gguf) : savedName
  }

  /// The shape of the tensor in a checkpoint of the family.
  package func shape(in checkpoint: Checkpoint) -> Shape { shape(in: dialect(of: checkpoint)) }

  /// The steps from a checkpoint's values to those of a dialect.
  package func steps(from checkpoint: Checkpoint, to dialect: Dialect) -> [TensorStep] {
    steps(from: self.dialect(of: checkpoint), to: dialect)
  }

  /// The tensor in a checkpoint of the family; nil when it is missing.
  package func entry(in checkpoint: Checkpoint) -> TensorEntry? {
    isStored(in: dialect(of: checkpoint)) ? checkpoint[name(in: checkpoint)] : nil
  }
}

/// Holds the tensors of a model against the rules of its family.
///
/// Whoever reads weights by rules asks here first, so that what is missing, too many or of another shape is told in one wording.
package struct RuleCheck: Sendable {
  /// The rules whose tensors are wanted.
  package let wanted: [TensorRule]
  private let rules: [TensorRule]
  private let text: Checkpoint
  private let projector: Checkpoint?

  /// Prepares to check a model.
  ///
  /// - Parameters:
  ///   - rules: those of all its tensors.
  ///   - checkpoint: the model.
  ///   - projector: the file of its vision encoder, where that is one of its own.
  ///   - isWanted: whether a rule's tensor has to be there.
  package init(
    _ rules: [TensorRule], _ checkpoint: Checkpoint, projector: Checkpoint? = nil,
    isWanted: (TensorRule) -> Bool = { _ in true }
  ) {
    self.rules = rules
    wanted = rules.filter(isWanted)
    text = checkpoint
    self.projector = projector
  }

  /// Where the tensor of a rule lies.
  package func checkpoint(of rule: TensorRule) -> Checkpoint { rule.part == .vision ? projector ?? text : text }

  /// The tensor of a rule; nil when it is missing.
  package func entry(_ rule: TensorRule) -> TensorEntry? { rule.entry(in: checkpoint(of: rule)) }

  /// The names of tensors that no rule knows, in the order of the files.
  package var strangers: [String] {
    let stored = rules.filter { $0.isStored(in: $0.dialect(of: checkpoint(of: $0))) }
    let known = Set(stored.map { BinaryString($0.name(in: checkpoint(of: $0))) })
    return (text.tensors + (projector?.tensors ?? [])).map(\.name).filter { !known.contains(BinaryString($0)) }
  }

  /// Every wanted rule needs a tensor of its shape, but for what can be computed.
  ///
  /// - Parameter strangers: names of tensors that no rule knows and nothing explains, with the parts they seem to belong to.
  /// - Throws: `missing`, `unsupported` or `mismatch`, naming tensors.
  package func check(refusing strangers: [(name: String, part: TensorRule.Part)] = []) throws(CheckpointError) {
    let missing = wanted.filter { $0.computed == nil && entry($0) == nil }
    if let first = missing.first {
      let names = missing.map { $0.name(in: checkpoint(of: $0)) }
      let near = NearNames.of(
        first.name(in: checkpoint(of: first)),
        in: strangers.isEmpty ? text.tensors.map(\.name) : strangers.map(\.name), count: 3)
      throw CheckpointError(
        .missing,
        "\(counted(missing.count, "tensor")) \(missing.count == 1 ? "is" : "are") missing: \(listed(names))"
          + (near.isEmpty ? "" : "; similar names there: \(near.joined(separator: ", "))"),
        file: text.path, remedy: remedy(for: missing.map(\.part)))
    }
    if let first = strangers.first {
      throw CheckpointError(
        .unsupported,
        "\(counted(strangers.count, "tensor")) \(strangers.count == 1 ? "has" : "have") no place in this family: "
          + "\(listed(strangers.map(\.name)))", file: text.path,
        remedy: remedy(for: strangers.map(\.part)) ?? .leaveOut(first.name))
    }
    for rule in wanted {
      guard let entry = entry(rule) else { continue }
      let shape = rule.shape(in: checkpoint(of: rule))
      guard entry.shape == shape else {
        throw entry.failure(.mismatch, "has shape \(entry.shape); the configuration asks for \(shape)")
      }
    }
  }

  /// What does without tensors of these parts; nil where nothing does.
  private func remedy(for parts: [TensorRule.Part]) -> Remedy? {
    guard let part = parts.first, parts.allSatisfy({ $0 == part }), wanted.contains(where: { $0.part == .text }) else {
      return nil
    }
    return part.remedy
  }
}

extension TensorRule.Part {
  /// What does without the part; nil where nothing does.
  package var remedy: Remedy? {
    switch self {
    case .text: nil
    case .mtp: .leaveOutMTP
    case .vision: .leaveOutVision
    }
  }
}
