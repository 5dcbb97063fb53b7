import Base
import Evaluation
import Runtime

/// The windows of texts that a model is calibrated on.
package struct CalibrationText {
  /// All windows, text after text.
  package private(set) var sequences: [CalibrationSequence] = []
  /// What the texts are called, and the SHA-256 of their bytes.
  package private(set) var sources: [(name: String, sha256: String)] = []

  /// What was left out, one sentence each.
  package private(set) var notes: [String] = []

  /// The tokens that calibration takes unless somebody says how many windows: of a mixture of texts, 16,384 leave 2 to 5 % more divergence.
  package static let tokens = 24_576

  /// Cuts texts into windows and takes so many in all, of each text its share as far as it has so many: the first ones where a number is given,
  /// as llama-imatrix does, and ones spread over its length otherwise.
  ///
  /// - Parameters:
  ///   - texts: each with its share; those of equal shares give as many windows.
  ///   - opened: the model whose tokenizer cuts them.
  ///   - context: tokens of a window.
  ///   - limit: windows in all; nil for ``tokens`` tokens.
  /// - Throws: `mismatch` when no text fills one window, and what tokenizing throws.
  package init(
    _ texts: [(text: TextSource, share: Int)], of opened: OpenedModel, context: Int, windows limit: Int? = nil
  ) throws(CheckpointError) {
    var all: [(text: TextWindows, share: Int)] = []
    var failure: CheckpointError?
    for (text, share) in texts {
      do throws(CheckpointError) {
        all.append((try text.windows(opened, before: opened, context: context, limit: nil), share))
      } catch {
        guard error.code == .mismatch else { throw error }
        failure = failure ?? error
        notes.append("\(text.name) does not fill a window of \(counted(context, "token")) and is left out")
      }
    }
    if all.isEmpty, let failure { throw failure }
    let shares = Self.shares(
      of: limit ?? max(1, Self.tokens / context), among: all.map { ($0.text.count, $0.share) })
    for ((text, _), share) in zip(all, shares) where share > 0 {
      sources.append((text.name, text.sha256))
      for number in 0..<share {
        sequences.append(CalibrationSequence(text[limit == nil ? number * text.count / share : number]))
      }
    }
  }

  /// How many of so many each gets: always one more for who has the least of its share, and none more than it has.
  package static func shares(of total: Int, among texts: [(count: Int, share: Int)]) -> [Int] {
    var shares = [Int](repeating: 0, count: texts.count)
    for _ in 0..<min(total, texts.reduce(0) { $0 + $1.count }) {
      let open = texts.indices.filter { shares[$0] < texts[$0].count }
      // The first of equals; a share of zero would never get one.
      let next = open.min { shares[$0] * max(1, texts[$1].share) < shares[$1] * max(1, texts[$0].share) }
      if let next { shares[next] += 1 }
    }
    return shares
  }
}
