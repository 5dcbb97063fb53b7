import Engine
import Images
import Base

/// Sees what a vision tower computes: the name of the stage and its rows, once for each picture.
package typealias VisionObserver = (_ name: String, _ rows: Activations) -> Void

/// A vision tower: patches of pictures in, rows for the language model out.
package protocol VisionModel: Sendable {
  /// Width of its output, the hidden size of the language model.
  var outputWidth: Int { get }
  /// Side, in patches, of the square that becomes one token.
  var mergeSize: Int { get }
  /// The table of position embeddings, row after row.
  var positionTable: [Float] { get }

  /// The tokens of all pictures, one after another: [tokens, output width].
  ///
  /// Throws `mismatch` for patches of another width, `unsupported` for grids that are no still picture.
  func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError) -> Activations
}
