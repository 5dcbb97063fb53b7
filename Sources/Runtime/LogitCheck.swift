import Base
import Containers
import Quants

/// Refuses logits that are not numbers, before anything is concluded from them.
///
/// A NaN anywhere in the weights spreads through every layer behind it. Without this check a perplexity would be "nan", and the
/// likeliest token would be the same one for ever.
package enum LogitCheck {
  /// What is wrong with a model whose logits are not numbers.
  package static let failure = CheckpointError(
    .malformed,
    "the logits are not numbers (NaN or infinite), so nothing follows from them: weights of this model are damaged, or so "
      + "large that sums overflow")

  /// The failure with the tensor whose damage explains it, where one is found; other errors as they are.
  package static func explained(_ error: CheckpointError, by checkpoint: Checkpoint) -> CheckpointError {
    guard error.code == failure.code, error.message == failure.message, error.tensor == nil,
      var found = WeightSearch.firstNonFinite(in: checkpoint.tensors)
    else { return error }
    found.message = "the logits are not numbers, so nothing follows from them: " + found.message
    return found
  }

  /// Refuses logits of which one is infinite or NaN.
  ///
  /// - Throws: `malformed`; the caller knows the file.
  package static func check(_ logits: [Float], kernels: Kernels = .best) throws(CheckpointError) {
    let place = logits.withUnsafeBytes { kernels.firstNonFinite(.f32, $0) }
    guard place == nil else { throw failure }
  }
}
