import Base
import Containers
import Synchronization

/// What is known of a tensor's inputs while it is encoded.
package enum GuidanceKind: Sendable, Equatable {
  /// Nothing: it is encoded by the plain rule.
  case none
  /// How much each column matters.
  case diagonal
}

/// What says how the tensors of an output are to be encoded: an importance file, or a calibration.
///
/// A plan holds what kind of guidance each tensor gets; values are asked for when a tensor's turn has come, and are gone after it.
package protocol EncodingGuide: Sendable {
  /// Files that are read for it.
  var files: [String] { get }

  /// What belongs to none of these tensors of the output, by name.
  ///
  /// - Throws: `mismatch` when that is everything: it was made for another model.
  func strangers(among names: [String]) throws(CheckpointError) -> [String]
  /// What there will be for a tensor of the output; asked while planning. What is missing is added to `gaps`.
  ///
  /// - Throws: `mismatch` for guidance of another shape.
  func kind(
    for tensor: TensorDescription, role: Recipe.Role, gaps: inout GuidanceGaps
  ) throws(CheckpointError) -> (kind: GuidanceKind, reason: String)
  /// The guidance of a tensor that was promised some: a factor for each column, expert after expert.
  func guidance(for tensor: TensorDescription) throws(CheckpointError) -> [Float]
  /// Writes into a file where its guidance came from.
  func describe(_ gaps: GuidanceGaps, in metadata: inout Metadata)
}

/// The guidance of one tensor, asked for when the first of its rows comes and forgotten when all are written.
final class LateGuidance: Sendable {
  private let guide: any EncodingGuide
  private let tensor: TensorDescription
  private let known = Mutex<[Float]?>(nil)

  init(_ guide: any EncodingGuide, _ tensor: TensorDescription) {
    self.guide = guide
    self.tensor = tensor
  }

  /// A factor for each column, expert after expert.
  func values() throws(CheckpointError) -> [Float] {
    try known.withLock { (known) throws(CheckpointError) in
      if let known { return known }
      let values = try guide.guidance(for: tensor)
      known = values
      return values
    }
  }

  func drop() { known.withLock { $0 = nil } }
}
