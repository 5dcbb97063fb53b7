import Architectures
import Containers
import Tensors

/// Holds the tensors of a GGUF, and its `mmproj` where that comes with it, against the rules of their family.
struct GGUFNames {
  let text: Checkpoint
  var vision: Checkpoint?
  /// Whether the MTP block is wanted; where it is not, it may be incomplete.
  let mtp: Bool

  /// The tensor of a rule; nil when it is missing.
  func entry(_ rule: TensorRule) -> TensorEntry? {
    rule.part == .vision ? vision?[rule.gguf] : text[rule.gguf]
  }

  /// Every tensor needs a rule, and every rule a tensor of its shape.
  ///
  /// - Throws: `missing`, `unsupported` or `mismatch`, naming tensors.
  func check(_ rules: [TensorRule]) throws(CheckpointError) {
    let known = Set(rules.map { BinaryString($0.gguf) })
    let unexpected = (text.tensors + (vision?.tensors ?? [])).map(\.name).filter { !known.contains(BinaryString($0)) }
    let missing = rules.filter { isWanted($0) && entry($0) == nil }
    if let first = missing.first {
      let near = unexpected.isEmpty ? [] : NearNames.of(first.gguf, in: unexpected, count: 3)
      let hint = missing.allSatisfy { $0.part == .mtp } ? " (--no-mtp leaves the MTP block out)" : ""
      throw CheckpointError(
        .missing,
        "\(missing.count) tensor\(missing.count == 1 ? " is" : "s are") missing: \(listed(missing.map(\.gguf)))\(hint)"
          + (near.isEmpty ? "" : "; similar names there: \(near.joined(separator: ", "))"),
        file: text.path)
    }
    if !unexpected.isEmpty {
      throw CheckpointError(
        .unsupported,
        "\(unexpected.count) tensor\(unexpected.count == 1 ? " has" : "s have") no place in this family: \(listed(unexpected))",
        file: text.path)
    }
    for rule in rules where isWanted(rule) {
      guard let entry = entry(rule), entry.shape != rule.ggufShape else { continue }
      throw entry.failure(.mismatch, "has shape \(entry.shape); the configuration asks for \(rule.ggufShape)")
    }
  }

  private func isWanted(_ rule: TensorRule) -> Bool { mtp || rule.part != .mtp }
}
