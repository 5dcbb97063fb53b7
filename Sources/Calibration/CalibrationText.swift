import Base
import Evaluation
import Runtime

/// The windows of texts that a model is calibrated on.
package struct CalibrationText {
  /// All windows, text after text.
  package private(set) var sequences: [CalibrationSequence] = []
  /// What the texts are called, and the SHA-256 of their bytes.
  package private(set) var sources: [(name: String, sha256: String)] = []

  /// The tokens that calibration takes unless somebody says how many windows: more text makes next to no difference (docs/quality.md).
  package static let tokens = 16_384

  /// Cuts texts into windows and takes so many in all, of each text as many as of the next as far as it has them: the first ones where a number
  /// is given, as llama-imatrix does, and ones spread over its length otherwise.
  ///
  /// - Throws: `mismatch` for a text that does not fill one window, and what tokenizing throws.
  package init(
    _ texts: [TextSource], of opened: OpenedModel, context: Int, windows limit: Int? = nil
  ) throws(CheckpointError) {
    let all = try texts.map { text throws(CheckpointError) in
      try text.windows(opened, before: opened, context: context, limit: nil)
    }
    let shares = Self.shares(of: limit ?? max(1, Self.tokens / context), among: all.map(\.count))
    for (text, share) in zip(all, shares) {
      sources.append((text.name, text.sha256))
      for number in 0..<share {
        sequences.append(CalibrationSequence(text[limit == nil ? number * text.count / share : number]))
      }
    }
  }

  /// How many of so many each gets: as evenly as can be, and none more than it has.
  static func shares(of total: Int, among counts: [Int]) -> [Int] {
    var shares = [Int](repeating: 0, count: counts.count)
    var left = min(total, counts.reduce(0, +))
    while left > 0 {
      for index in counts.indices where left > 0 && shares[index] < counts[index] {
        shares[index] += 1
        left -= 1
      }
    }
    return shares
  }
}
