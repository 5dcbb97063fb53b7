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
  ///   - remedy: what does without some tensors, where there is such a thing.
  /// - Throws: `missing` or `unsupported`, naming tensors.
  func refuse(in file: String, nearby: [String], remedy: ([String]) -> Remedy?) throws(CheckpointError) {
    if let first = missing.first {
      let near = nearby.isEmpty ? [] : NearNames.of(first, in: nearby, count: 3)
      throw CheckpointError(
        .missing,
        "\(missing.count) tensor\(missing.count == 1 ? " is" : "s are") missing: \(listed(missing))"
          + (near.isEmpty ? "" : "; similar names there: \(near.joined(separator: ", "))"),
        file: file, remedy: remedy(missing))
    }
    if let first = unexpected.first {
      throw CheckpointError(
        .unsupported,
        "\(unexpected.count) tensor\(unexpected.count == 1 ? " has" : "s have") no place in this family: \(listed(unexpected))",
        file: file, remedy: remedy(unexpected) ?? .leaveOut(first))
    }
  }
}
