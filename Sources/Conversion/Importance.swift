import Containers
import Quants
import Base

/// An importance matrix as a quantization uses it.
package struct ImportanceUse: Sendable {
  /// What there is for a tensor.
  enum Answer {
    /// A factor for each column, expert after expert; experts that saw nothing have ones.
    case found([Float], unseenExperts: Int)
    /// Nothing, for a reason in a few words.
    case none(String)
  }

  /// The file as it was named.
  package let path: String
  package let matrix: ImportanceMatrix
  /// The SHA-256 of the file.
  package let sha256: String

  /// Reads an importance file.
  ///
  /// - Throws: whatever `ImportanceMatrix` refuses.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    matrix = try ImportanceMatrix(path: path)
    sha256 = try SHA256Hash.hash(of: InputFile(path: path))
  }

  /// The importance of a tensor's columns, expert after expert.
  ///
  /// - Throws: `mismatch` when there are not as many values as columns; only embedding tables may differ, as in llama-quantize.
  func weights(of name: String, _ shape: Shape, role: Recipe.Role) throws(CheckpointError) -> Answer {
    guard let entry = matrix[name] else { return .none("no importance") }
    let matrices = shape.rank > 2 ? shape.dimensions[shape.rank - 3] : 1
    let wanted = shape.columns * matrices
    guard entry.sums.count == wanted, shape.dimensions.dropLast(3).allSatisfy({ $0 == 1 }) else {
      if role == .embedding || role == .head && name != "output.weight" { return .none("importance of another shape") }
      throw CheckpointError(
        .mismatch,
        "importance has \(entry.sums.count) values for it and \(wanted) are needed; was it made for another model?",
        file: path, tensor: name)
    }
    let weights = entry.weights
    if let reason = Self.reasonAgainst(entry, weights) { return .none(reason) }
    return .found(weights, unseenExperts: entry.counts.count { $0.rounded(.toNearestOrAwayFromZero) <= 0 })
  }

  /// Why an entry says nothing about its tensor, in a few words; nil where it does.
  private static func reasonAgainst(_ entry: ImportanceMatrix.Entry, _ weights: [Float]) -> String? {
    let all = [entry.sums, entry.counts, weights]
    if !all.allSatisfy({ $0.allSatisfy(\.isFinite) }) { return "importance is not finite" }
    if !all.allSatisfy({ $0.allSatisfy { $0 >= 0 } }) { return "importance is negative" }
    if entry.counts.allSatisfy({ $0.rounded(.toNearestOrAwayFromZero) <= 0 }) { return "importance of no input" }
    // Below, products with weights vanish, so that it is as good as zero.
    return weights.allSatisfy { $0 < .leastNormalMagnitude } ? "importance is zero" : nil
  }

  /// Entries that belong to no tensor.
  ///
  /// - Throws: `mismatch` when that is all of them.
  func strangers(among names: [String]) throws(CheckpointError) -> [String] {
    let known = Set(names.map { BinaryString($0) })
    let strangers = matrix.entries.map(\.name).filter { !known.contains(BinaryString($0)) }
    guard strangers.count < matrix.entries.count else {
      throw CheckpointError(
        .mismatch, "none of its entries belongs to a tensor of this model, such as \(listed(strangers, 1))", file: path)
    }
    return strangers
  }

  /// The metadata that says where importance came from: llama-quantize's keys, and ours for what those leave out.
  func describe(_ gaps: ImportanceGaps, in metadata: inout Metadata) {
    Self.forget(in: &metadata)
    metadata["quantize.imatrix.file"] = .string(Self.cut(path))
    if let dataset = matrix.datasets.first { metadata["quantize.imatrix.dataset"] = .string(Self.cut(dataset)) }
    metadata["quantize.imatrix.entries_count"] = .uint32(UInt32(clamping: matrix.entries.count))
    if let chunks = matrix.chunkCount, chunks > 0 { metadata["quantize.imatrix.chunks_count"] = .uint32(chunks) }
    metadata["quern.importance.sha256"] = .string(sha256)
    if !matrix.datasets.isEmpty { metadata["quern.importance.datasets"] = .array(.string(TextList(matrix.datasets))) }
    if !gaps.names.isEmpty { metadata["quern.importance.without"] = .array(.string(TextList(gaps.names))) }
  }

  /// Removes what an earlier quantization said.
  static func forget(in metadata: inout Metadata) {
    metadata.removeAll(prefix: "quantize.imatrix.")
    metadata.removeAll(prefix: "quern.importance.")
  }

  /// llama.cpp keeps 127 bytes of a text here.
  private static func cut(_ text: String) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
      count += UTF8.width(scalar)
      guard count <= 127 else { break }
      result.unicodeScalars.append(scalar)
    }
    return result
  }
}

/// The tensors that importance says nothing usable about, wholly or in parts.
struct ImportanceGaps {
  /// What was filled in, as sentences tell it.
  private var filled: [String] = []
  /// Experts that saw nothing.
  private var unseen: [String] = []
  private var groups: [(reason: String, planned: String, chosen: String, names: [String])] = []
  /// Entries that belong to no tensor.
  var strangers: [String] = []

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
