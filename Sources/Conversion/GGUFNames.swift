import Architectures
import Containers
import Base

/// Holds the tensors of a GGUF, and its `mmproj` where that comes with it, against the rules of their family.
struct GGUFNames {
  let text: Checkpoint
  var vision: Checkpoint?
  /// Whether the MTP block is wanted; where it is not, it may be incomplete.
  let mtp: Bool
  /// What has no place and is left out as asked.
  let leftOut: LeftOut

  /// The tensor of a rule; nil when it is missing.
  func entry(_ rule: TensorRule) -> TensorEntry? {
    rule.part == .vision ? vision?[rule.gguf] : text[rule.gguf]
  }

  /// Every tensor needs a rule, and every rule a tensor of its shape.
  ///
  /// - Throws: `missing`, `unsupported` or `mismatch`, naming tensors.
  func check(_ rules: [TensorRule]) throws(CheckpointError) {
    let known = Set(rules.map { BinaryString($0.gguf) })
    let unexpected = (text.tensors + (vision?.tensors ?? [])).map(\.name).filter {
      !known.contains(BinaryString($0)) && !leftOut.contains($0)
    }
    let missing = rules.filter { isWanted($0) && entry($0) == nil }
    let mtpNames = Set(rules.filter { $0.part == .mtp }.map(\.gguf))
    let differences = NameDifferences(missing: missing.map(\.gguf), unexpected: unexpected)
    try differences.refuse(in: text.path, nearby: unexpected) {
      $0.allSatisfy(mtpNames.contains) ? .leaveOutMTP : nil
    }
    for rule in rules where isWanted(rule) {
      guard let entry = entry(rule), entry.shape != rule.ggufShape else { continue }
      throw entry.failure(.mismatch, "has shape \(entry.shape); the configuration asks for \(rule.ggufShape)")
    }
  }

  private func isWanted(_ rule: TensorRule) -> Bool { mtp || rule.part != .mtp }
}
