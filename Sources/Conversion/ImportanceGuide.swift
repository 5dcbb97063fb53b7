import Containers
import Quants
import Base

/// An importance matrix from a file, by which a quantization weighs columns.
package struct ImportanceGuide: EncodingGuide {
  /// The file as it was named.
  private let path: String
  package let matrix: ImportanceMatrix
  /// The SHA-256 of the file.
  package let sha256: String

  package var files: [String] { [path] }

  /// Reads an importance file.
  ///
  /// - Throws: whatever `ImportanceMatrix` refuses.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    matrix = try ImportanceMatrix(path: path)
    sha256 = try SHA256Hash.hash(of: InputFile(path: path))
  }

  /// A diagonal where the file has an entry that says something.
  ///
  /// - Throws: `mismatch` when there are not as many values as columns; only embedding tables may differ, as in llama-quantize.
  package func kind(
    for tensor: TensorDescription, role: Recipe.Role, gaps: inout GuidanceGaps
  ) throws(CheckpointError) -> (kind: GuidanceKind, reason: String) {
    let (name, shape) = (tensor.name, tensor.shape)
    guard let entry = matrix[name] else { return (.none, "no importance") }
    let matrices = shape.rank > 2 ? shape.dimensions[shape.rank - 3] : 1
    let wanted = shape.columns * matrices
    guard entry.sums.count == wanted, shape.dimensions.dropLast(3).allSatisfy({ $0 == 1 }) else {
      if role == .embedding || role == .head && name != "output.weight" {
        return (.none, "importance of another shape")
      }
      throw CheckpointError(
        .mismatch,
        "importance has \(entry.sums.count) values for it and \(wanted) are needed; was it made for another model?",
        file: path, tensor: name)
    }
    if let reason = Self.reasonAgainst(entry, entry.weights) { return (.none, reason) }
    guard let group = tensor.type.codec?.importanceGroup else { return (.diagonal, "") }
    let filled = fill(tensor, entry).groups
    if filled > 0 { gaps.add(name, filled: filled, of: wanted / group) }
    let unseen = entry.counts.count { $0.rounded(.toNearestOrAwayFromZero) <= 0 }
    if unseen > 0 { gaps.add(name, unseen: unseen, of: matrices) }
    return (.diagonal, "")
  }

  package func guidance(for tensor: TensorDescription) throws(CheckpointError) -> [Float] {
    guard let entry = matrix[tensor.name] else { throw CheckpointError(.fault, "no importance", tensor: tensor.name) }
    return fill(tensor, entry).weights
  }

  private func fill(_ tensor: TensorDescription, _ entry: ImportanceMatrix.Entry) -> ImportanceFill {
    ImportanceFill(entry.weights, columns: tensor.shape.columns, codec: tensor.type.codec)
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
  package func strangers(among names: [String]) throws(CheckpointError) -> [String] {
    let known = Set(names.map { BinaryString($0) })
    let strangers = matrix.entries.map(\.name).filter { !known.contains(BinaryString($0)) }
    guard strangers.count < matrix.entries.count else {
      throw CheckpointError(
        .mismatch, "none of its entries belongs to a tensor of this model, such as \(listed(strangers, 1))", file: path)
    }
    return strangers
  }

  /// The metadata that says where importance came from: llama-quantize's keys, and ours for what those leave out.
  package func describe(_ gaps: GuidanceGaps, in metadata: inout Metadata) {
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
    metadata.removeAll(prefix: "quern.calibration.")
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
