import Base
import Containers
import Conversion
import Quants

/// A calibration by which a quantization weighs columns, and which the output tells of.
package struct CalibrationGuide: EncodingGuide {
  package let calibration: Calibration
  private let importance: ImportanceGuide
  /// The divergence that the types of the output are expected to cause, in nats a token; nil where that is not known.
  package var predicted: Double?

  package var files: [String] { importance.files }

  /// Reads a calibration.
  ///
  /// - Throws: what ``Calibration`` refuses.
  package init(path: String) throws(CheckpointError) {
    calibration = try Calibration(path: path)
    importance = try ImportanceGuide(path: path)
  }

  package func strangers(among names: [String]) throws(CheckpointError) -> [String] {
    try importance.strangers(among: names)
  }

  package func kind(
    for tensor: TensorDescription, role: Recipe.Role, gaps: inout GuidanceGaps
  ) throws(CheckpointError) -> (kind: GuidanceKind, reason: String) {
    try importance.kind(for: tensor, role: role, gaps: &gaps)
  }

  package func guidance(for tensor: TensorDescription) throws(CheckpointError) -> [Float] {
    try importance.guidance(for: tensor)
  }

  package func describe(_ gaps: GuidanceGaps, in metadata: inout Metadata) {
    importance.describe(gaps, in: &metadata)
    // The same file under other names; what it was made from stands in it.
    metadata.remove("quern.importance.sha256")
    metadata.remove("quern.importance.datasets")
    metadata["quern.calibration.version"] = .uint32(Calibration.version)
    metadata["quern.calibration.sha256"] = .string(importance.sha256)
    if let predicted {
      metadata["quern.calibration.predicted_divergence"] = .number(MetadataNumber(predicted))
    }
  }

  /// How much each column of a tensor matters, expert after expert; nil where that is not known.
  package func weights(of tensor: PlannedTensor, as type: TensorType) -> [Float]? {
    var gaps = GuidanceGaps()
    let description = TensorDescription(name: tensor.name, type: type, shape: tensor.shape)
    // An importance of another shape has been refused when the recipe was applied; tables go without.
    guard let kind = try? importance.kind(for: description, role: .embedding, gaps: &gaps).kind, kind == .diagonal
    else {
      return nil
    }
    return calibration.importance[tensor.name]?.weights
  }
}
