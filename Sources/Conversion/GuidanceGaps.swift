import Base
import Quants

/// The tensors that a guide says nothing usable about, wholly or in parts.
package struct GuidanceGaps {
  /// What was filled in, as sentences tell it.
  private var filled: [String] = []
  /// Experts that saw nothing.
  private var unseen: [String] = []
  private var groups: [(reason: String, planned: String, chosen: String, names: [String])] = []
  /// Entries that belong to no tensor.
  var strangers: [String] = []

  package init() {}

  /// All such tensors.
  var names: [String] { groups.flatMap(\.names) }

  mutating func add(_ name: String, _ reason: String, planned: TensorType, chosen: TensorType) {
    let found = groups.firstIndex {
      $0.reason == reason
        && (planned == chosen ? $0.planned == $0.chosen : $0.planned == planned.name && $0.chosen == chosen.name)
    }
    if let found {
      groups[found].names.append(name)
    } else {
      groups.append((reason, planned.name, chosen.name, [name]))
    }
  }

  mutating func add(_ name: String, filled groups: Int, of total: Int) {
    filled.append("\(name) (\(groups) of \(total))")
  }

  mutating func add(_ name: String, unseen experts: Int, of total: Int) {
    unseen.append("\(name) (\(experts) of \(total))")
  }

  /// What to tell, one sentence for each reason and what follows from it.
  var notes: [String] {
    var notes = groups.map { group in
      let what = "\(group.reason) for \(counted(group.names.count, "tensor"))"
      return group.planned == group.chosen
        ? "\(what), quantized by the plain rule: \(listed(group.names, 16))"
        : "\(what) and \(group.planned) needs it, so \(group.chosen) instead: \(listed(group.names, 16))"
    }
    if !filled.isEmpty {
      notes.append(
        "importance is zero for whole groups of columns, which count like the average column, in "
          + "\(counted(filled.count, "tensor")): \(listed(filled, 16))")
    }
    if !unseen.isEmpty {
      notes.append(
        "no input reached some experts, whose columns count alike, in \(counted(unseen.count, "tensor")): \(listed(unseen, 16))"
      )
    }
    if !strangers.isEmpty {
      notes.append(
        "\(strangers.count) entr\(strangers.count == 1 ? "y" : "ies") of the importance matrix belong\(strangers.count == 1 ? "s" : "") to no tensor here: \(listed(strangers))"
      )
    }
    return notes
  }
}
