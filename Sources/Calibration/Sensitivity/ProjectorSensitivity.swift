import Architectures
import Base
import Engine
import Images
import Quants
import Runtime

/// What each matrix of a vision encoder alone costs: pictures are looked at with it replaced, and the answers that the model gave are read again.
///
/// The unit is that of text, nats a token, over the tokens of the answers.
struct ProjectorSensitivity {
  private let pictures: CalibrationPictures
  /// The pictures that are looked at so often: few, since every one is seen once for each matrix.
  private let chosen: [Int]

  private static let most = 4

  init(_ pictures: CalibrationPictures) {
    self.pictures = pictures
    let (count, all) = (min(Self.most, pictures.sequences.count), pictures.sequences.count)
    chosen = (0..<count).map { $0 * all / count }
  }

  /// Measures all matrices; `progress` is told those that are done, and of how many.
  func callAsFunction(
    _ model: any LanguageModel, _ compute: Compute, progress: (_ done: Int, _ total: Int) -> Void
  ) throws(CheckpointError) -> [TensorSensitivity] {
    guard let reader = pictures.reader else { return [] }
    let sequences = chosen.map { pictures.sequences[$0] }
    let ends = try states(sequences, model, compute)
    let judge = HiddenDivergence(model, compute)
    let matrices = try NamedMatrices(reader).all
    var result: [TensorSensitivity] = []
    for matrix in matrices {
      guard let type = MeasuredSensitivity.reference(columns: matrix.columns) else { continue }
      var replaced = compute
      replaced.replaced[matrix.name] = try matrix.encoded(
        as: type, importance: nil, threads: compute.threads, kernels: compute.kernels.kernels)
      var others: [CalibrationSequence] = []
      for (place, index) in chosen.enumerated() {
        try Cancellation.check()
        let seen = try reader.encoder.encode(pictures.patches[index], compute: replaced, observer: nil)
        others.append(sequences[place].seeing(seen))
      }
      let after = try states(others, model, compute)
      var (sum, count) = (0.0, 0)
      for (index, sequence) in sequences.enumerated() {
        sum += try judge.sum(ends[index], after[index], rows: sequence.scored, compute)
        count += sequence.scored.count
      }
      result.append(TensorSensitivity(name: matrix.name, type: type, divergence: sum / Double(max(1, count))))
      progress(result.count, matrices.count)
    }
    return result
  }

  /// The hidden states behind the last layer.
  private func states(
    _ sequences: [CalibrationSequence], _ model: any LanguageModel, _ compute: Compute
  ) throws(CheckpointError) -> [Activations] {
    var walk = try LayerWalk(sequences, of: model)
    while walk.layer < model.layerCount { try walk.advance(compute) }
    return walk.states
  }
}
