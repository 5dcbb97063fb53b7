import Base
import Engine
import Quants
import Runtime

/// Runs models after on the windows of a record that stands for the model before.
struct RecordedComparison: Sendable {
  let before: any RecordedPredictions
  let after: [OpenedModel]
  /// At which the models run; the record is of one that was exact.
  let precision: Precision
  let kernels: Kernels

  /// Compares on every window of some texts of the record, whose numbers in it are `numbers`.
  func positions(
    of texts: [TextWindows], numbers: [Int], threads: Int,
    progress: @escaping @Sendable (Validation.Progress) -> Void
  ) throws(CheckpointError) -> [ModelComparison.Positions] {
    let pass = TextPass(texts: texts, vocabulary: before.vocabularySize, kernels: kernels)
    let found = try pass.map(threads: threads, progress: progress) { group throws(CheckpointError) in
      try group.places.map { place throws(CheckpointError) in
        let known = try before.rows(text: numbers[place.text], window: place.window)
        let found = try compare(texts[place.text][place.window], block: group.block, known, group.compute.at(precision))
        group.finished()
        return found
      }
    }
    return pass.sorted(found, models: after.count)
  }

  private func compare(
    _ window: TokenWindow, block: Int, _ known: [any RecordedRow], _ compute: Compute
  ) throws(CheckpointError) -> [[PositionComparison]] {
    let targets = window.targets
    var result: [[PositionComparison]] = []
    for model in after {
      let states = try model.states(of: window, compute)
      var found: [PositionComparison] = []
      for rows in TextPass.blocks(of: targets.count, block) {
        let predictions = try model.predictions(states, rows, compute)
        for (row, prediction) in zip(rows, predictions) {
          found.append(try known[row].comparison(with: prediction, token: targets[row]))
        }
      }
      result.append(found)
    }
    return result
  }
}
