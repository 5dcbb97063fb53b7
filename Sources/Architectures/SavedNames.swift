import Containers
import Base

/// Undoes what programs that save checkpoints add to the names of tensors.
///
/// Wrappers of training (compilation, parallelism, adapters) are modules of their own and show up in every name; a model that was
/// loaded under a wrong prefix and saved again repeats it. None of this says anything about the weights.
struct SavedNames {
  /// One kind of change, how many names it concerns, and one of them.
  private struct Kind {
    let words: String
    var count = 0
    var example = ""
  }

  /// Parts that stand under a prefix where they do not belong: the wrong prefix and the right one.
  private let misplaced: [(wrong: String, right: String)]
  private var kinds = [
    Kind(words: "without _orig_mod, which torch.compile adds"),
    Kind(
      words:
        "without the wrapper that parallel training adds (module, _fsdp_wrapped_module, _checkpoint_wrapped_module)"),
    Kind(words: "without base_model.model, which PEFT adds"),
    Kind(words: "without a prefix that is repeated (language_model, model)"),
    Kind(words: "under the prefix of the part they belong to"),
  ]

  init(misplaced: [(wrong: String, right: String)]) {
    self.misplaced = misplaced
  }

  /// The checkpoint with the names its family gives to tensors.
  ///
  /// - Throws: `malformed` when two tensors would get one name.
  static func plain(
    _ checkpoint: Checkpoint, misplaced: [(wrong: String, right: String)]
  ) throws(CheckpointError) -> Checkpoint {
    var names = SavedNames(misplaced: misplaced)
    // Of most checkpoints nothing is changed, and those with experts have names by the ten thousand.
    guard checkpoint.tensors.contains(where: { names.mayChange($0.name) }) else { return checkpoint }
    var tensors: [TensorEntry] = []
    tensors.reserveCapacity(checkpoint.tensors.count)
    var origins: [BinaryString: String] = [:]
    var isChanged = false
    for tensor in checkpoint.tensors {
      let name = names.plain(tensor.name)
      if let other = origins.updateValue(tensor.name, forKey: BinaryString(name)) {
        throw CheckpointError(
          .malformed,
          "\(other) and \(tensor.name) are both \(name) when what savers add is taken away",
          file: checkpoint.path)
      }
      let isSame = BinaryString(name) == BinaryString(tensor.name)
      isChanged = isChanged || !isSame
      tensors.append(isSame ? tensor : tensor.named(name))
    }
    guard isChanged else { return checkpoint }
    return checkpoint.with(tensors: tensors, notes: names.notes)
  }

  private var notes: [String] {
    kinds.filter { $0.count > 0 }.map { "\(counted($0.count, "tensor name")) read \($0.words), such as \($0.example)" }
  }

  /// Whether a name has anything in it that is taken away.
  private func mayChange(_ name: String) -> Bool {
    Self.marks.contains { name.hasBytes(of: $0) } || misplaced.contains { name.hasPrefix($0.wrong) }
  }

  private static let marks = [
    "_orig_mod", "module", "base_model", "model.model", "language_model.language_model",
  ]

  /// The name without what was added.
  private mutating func plain(_ name: String) -> String {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    var found: [Int] = []
    func drop(_ kind: Int, _ change: (inout [Substring]) -> Void) {
      let before = parts.count
      change(&parts)
      if parts.count != before { found.append(kind) }
    }
    drop(0) { $0.removeAll { $0 == "_orig_mod" } }
    drop(1) { parts in
      parts.removeAll { $0 == "_fsdp_wrapped_module" || $0 == "_checkpoint_wrapped_module" }
      parts = Array(parts.drop { $0 == "module" })
    }
    drop(2) { parts in
      while parts.starts(with: ["base_model", "model"]) { parts.removeFirst(2) }
    }
    drop(3) { parts in
      var result: [Substring] = []
      for part in parts where part != result.last || !["language_model", "model"].contains(part) { result.append(part) }
      parts = result
    }
    var result = parts.joined(separator: ".")
    if let place = misplaced.first(where: { result.hasPrefix($0.wrong) }) {
      result = place.right + result.dropFirst(place.wrong.count)
      found.append(4)
    }
    for kind in found {
      if kinds[kind].count == 0 { kinds[kind].example = "\(name) as \(result)" }
      kinds[kind].count += 1
    }
    return result
  }
}
