import Containers
import Engine
import Images
import Base

/// Sees what a vision encoder computes: the name of the stage and its rows, once for each picture.
package typealias VisionObserver = (_ name: String, _ rows: Activations) -> Void

/// A vision encoder: patches of pictures in, rows for the language model out.
package protocol VisionEncoder: Sendable {
  /// Width of its output, the hidden size of the language model.
  var outputWidth: Int { get }
  /// Side, in patches, of the square that becomes one token.
  var mergeSize: Int { get }
  /// The table of position embeddings, row after row.
  var positionTable: [Float] { get }

  /// The tokens of all pictures, one after another, each a row of the output width.
  ///
  /// - Throws: `mismatch` for patches of another width, `unsupported` for grids that are not a still picture.
  func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError) -> PictureRows
}

/// What a family computes, layer by layer.
package protocol Runnable: Sendable {
  /// The text model, running on the weights of this checkpoint as they are stored.
  ///
  /// - Throws: `missing`, `mismatch` or `unsupported`, naming the tensor.
  func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel
  /// The vision encoder of this checkpoint, or of a projector file; nil without one.
  ///
  /// - Throws: `missing`, `mismatch` or `unsupported`, naming the tensor.
  func visionEncoder(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionEncoder)?
  /// The block of this checkpoint that guesses tokens for the text model; nil without one.
  ///
  /// - Throws: `missing`, `mismatch` or `unsupported`, naming the tensor.
  func draftBlock(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any DraftBlock)?
}

extension Runnable {
  package func visionEncoder(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionEncoder)? { nil }
  package func draftBlock(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any DraftBlock)? { nil }
}
