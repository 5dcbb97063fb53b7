import Base
import Engine
import Quants
import Runtime

/// Runs one model before and several after on the same windows, the one before only once.
///
/// Logits are made a few rows at a time. A group of windows goes through the layers together (``WindowWalk``), and of it hidden states are
/// kept, for every model; groups are shared among the threads, and threads left over work inside one. Figures do not depend on the number
/// of threads, to the last bit.
struct ModelComparison: Sendable {
  let before: OpenedModel
  let after: [OpenedModel]
  /// At which the models after run; the one before is exact.
  let precision: Precision
  let kernels: Kernels
  /// Keeps what the model before predicts; nil where no baseline is written.
  private let recorder: BaselineRecorder?
  private let walk: WindowWalk

  /// With `isolates`, layers of the models after are also run one by one on what the model before fed them.
  init(
    before: OpenedModel, after: [OpenedModel], isolates: Bool, precision: Precision, recorder: BaselineRecorder?,
    kernels: Kernels
  ) {
    self.before = before
    self.after = after
    self.precision = precision
    self.kernels = kernels
    self.recorder = recorder
    walk = WindowWalk(before: before, after: after, isolates: isolates, precision: precision)
  }

  /// Positions of one text, [model after][window][position].
  typealias Positions = [[[PositionComparison]]]

  /// Compares the models on every window of every text, and says how far the layers of each model after drift.
  ///
  /// `progress` is called after each window, one call at a time.
  /// - Throws: `malformed`, naming the model, when its logits are not numbers.
  func positions(
    of texts: [TextWindows], threads: Int, progress: @escaping @Sendable (Validation.Progress) -> Void
  ) throws(CheckpointError) -> (positions: [Positions], layers: [[LayerDrift]]) {
    let pass = TextPass(texts: texts, vocabulary: before.model.vocabularySize, kernels: kernels)
    let found = try pass.map(threads: threads, progress: progress) { group throws(CheckpointError) in
      let windows = group.places.map { texts[$0.text][$0.window] }
      var compared: [Compared] = []
      for (number, walked) in try walk(windows, group.compute).enumerated() {
        let place = group.places[group.places.startIndex + number]
        compared.append((try positions(of: windows[number], walked.states, place, group), walked.drifts))
        group.finished()
      }
      return compared
    }
    return (pass.sorted(found.map(\.positions), models: after.count), walk.layers(found.map(\.drifts)))
  }

  /// What one window came to: its positions, for every model after, and how far its layers drift.
  private typealias Compared = (positions: [[PositionComparison]], drifts: WindowWalk.Drifts)

  /// The positions of one window, for every model after, from the hidden states of all.
  private func positions(
    of window: TokenWindow, _ states: [Activations], _ place: TextPass.Place, _ group: TextPass.Group
  ) throws(CheckpointError) -> [[PositionComparison]] {
    let compute = group.compute
    let targets = window.targets
    var result = [[PositionComparison]](repeating: [], count: after.count)
    var samples: [RowSample] = []
    for rows in TextPass.blocks(of: targets.count, group.block) {
      let known = try before.predictions(states[0], rows, compute)
      if let recorder {
        samples += recorder.samples(known, targets[rows], place, first: rows.lowerBound, compute.kernels)
      }
      for (number, model) in after.enumerated() {
        let other = try model.predictions(states[number + 1], rows, compute.at(precision))
        for (index, token) in targets[rows].enumerated() {
          result[number].append(PositionComparison(known[index], other[index], token: token, compute.kernels))
        }
      }
    }
    recorder?.keep(BaselineWindow(window: window, samples: samples), place)
    return result
  }
}
