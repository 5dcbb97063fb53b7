import Base

/// Where the names of a checkpoint and the rules of its family differ.
struct NameDifferences {
  /// Tensors that rules ask for and the checkpoint lacks.
  let missing: [String]
  /// Tensors of the checkpoint that no rule knows.
  let unexpected: [String]

  /// Refuses what differs.
  ///
  /// - Parameters:
  ///   - file: the checkpoint.
  ///   - nearby: names that a missing one may be written as.
  ///   - hint: the option that does without some tensors, after a space; empty where there is none.
  /// - Throws: `missing` or `unsupported`, naming tensors.
  func refuse(in file: String, nearby: [String], hint: ([String]) -> String) throws(CheckpointError) {
    if let first = missing.first {
      let near = nearby.isEmpty ? [] : NearNames.of(first, in: nearby, count: 3)
      throw CheckpointError(
        .missing,
        "\(missing.count) tensor\(missing.count == 1 ? " is" : "s are") missing: \(listed(missing))\(hint(missing))"
          + (near.isEmpty ? "" : "; similar names there: \(near.joined(separator: ", "))"),
        file: file)
    }
    if let first = unexpected.first {
      var remedy = hint(unexpected)
      if remedy.isEmpty {
        remedy = " (--leave-out PATTERN leaves such out, for example --leave-out '\(first)')"
      }
      throw CheckpointError(
        .unsupported,
        "\(unexpected.count) tensor\(unexpected.count == 1 ? " has" : "s have") no place in this family: \(listed(unexpected))\(remedy)",
        file: file)
    }
  }
}
