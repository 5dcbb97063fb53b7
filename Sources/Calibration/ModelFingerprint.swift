import Architectures
import Base
import Containers
import Engine
import Evaluation
import Runtime

/// Whether two checkpoints hold the same weights, whatever container they lie in.
package enum ModelFingerprint {
  /// SHA-256 of the names and shapes that the tensors of the text model have in GGUF, and of the first, the middle and the last row of each as
  /// little-endian F32.
  ///
  /// - Throws: what reading weights throws.
  package static func of(_ opened: OpenedModel) throws(CheckpointError) -> String {
    var hash = SHA256Hash()
    for tensor in CommonTensors(opened).all where tensor.part == .text {
      add("\(tensor.name) \(tensor.shape.dimensions)", to: &hash)
      let rows = max(1, tensor.rows)
      var last = -1
      for row in [0, rows / 2, rows - 1] where row > last {
        last = row
        let words = try tensor.values(row..<row + 1).map { $0.bitPattern.littleEndian }
        words.withUnsafeBytes { hash.update($0) }
      }
    }
    return hash.finalize()
  }

  private static func add(_ text: String, to hash: inout SHA256Hash) {
    Array((text + "\n").utf8).withUnsafeBytes { hash.update($0) }
  }
}

extension Calibration {
  /// Refuses a model that this was not made from.
  ///
  /// `path` is the file this was read from.
  /// - Throws: `mismatch`, naming both; for tokens the model does not have, naming the file.
  package func check(_ opened: OpenedModel, in path: String) throws(CheckpointError) {
    guard try ModelFingerprint.of(opened) != origin.fingerprint else { return try checkTokens(opened, path) }
    throw CheckpointError(
      .mismatch,
      "the calibration was made from another model (\(origin.model)); its weights are not those of \(opened.name)",
      file: opened.name)
  }

  private func checkTokens(_ opened: OpenedModel, _ path: String) throws(CheckpointError) {
    let (vocabulary, longest) = (opened.model.vocabularySize, opened.model.contextLength)
    for (number, sequence) in origin.sequences.enumerated() {
      if let token = sequence.tokens.first(where: { $0 < 0 || $0 >= vocabulary }) {
        throw CheckpointError(
          .mismatch, "sequence \(number) has token \(token), which is outside the model's vocabulary of \(vocabulary)",
          file: path)
      }
      guard sequence.tokens.count <= longest else {
        throw CheckpointError(
          .mismatch, "sequence \(number) has \(sequence.tokens.count) tokens; the model is made for \(longest)",
          file: path)
      }
    }
  }
}
