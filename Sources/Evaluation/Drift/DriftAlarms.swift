/// Signs in layers and weights that something is broken, and not only coarse.
package enum DriftAlarms {
  /// Sentences for what stands out, the most telling first.
  package static func of(layers: [LayerDrift], tensors: [TensorDifference]) -> [String] {
    let far = farOff(tensors)
    return steps(layers, farOff: far).map { step(layers, $0, tensors) } + [tensorAlarm(far)].compactMap { $0 }
  }

  // MARK: Layers

  /// Below this, a token's error is rounding and no step.
  private static let leastError = 0.01
  /// How many times the usual growth a step is.
  private static let stepFactor = 5.0
  /// The first layer adds most of what a state is made of, and to a table that is often stored finer: its error may grow so many times
  /// more than that of others in a sound file.
  private static let firstFactor = 20.0

  /// Places in `layers` where the error of a token jumps.
  ///
  /// Errors of different layers are independent, so it is their squares that add up. A step more than doubles the square, and grows it
  /// by many times the middle of all growths; or the least cosine falls below a half where it was above 0.95 before.
  static func steps(_ layers: [LayerDrift], farOff: [TensorDifference] = []) -> [Int] {
    guard layers.count > 2 else { return [] }
    let squares = layers.map { $0.accumulated.medianError * $0.accumulated.medianError }
    let growths = zip(squares, squares.dropFirst()).map { $1 - $0 }
    // Behind a step errors rise and fall by shares of it; their size is what is usual, whichever way they go.
    let usual = Percentiles(growths.dropFirst().map(\.magnitude))[0.5]
    return layers.indices.dropFirst().filter { place in
      let isFirst = place == 1 && !farOff.contains { $0.layer == layers[place].layer }
      let factor = isFirst ? firstFactor : stepFactor
      let grows =
        squares[place] > leastError * leastError && squares[place] > 2 * squares[place - 1]
        && growths[place - 1] > factor * usual
      let (before, here) = (layers[place - 1].accumulated.leastCosine, layers[place].accumulated.leastCosine)
      return grows || (before > 0.95 && here < 0.5) || isOwn(layers, place)
    }
  }

  /// Whether a layer by itself, fed with what the model before fed it, errs many times more than the others.
  private static func isOwn(_ layers: [LayerDrift], _ place: Int) -> Bool {
    guard let own = layers[place].own?.medianError, own > leastError else { return false }
    let others = layers.dropFirst().compactMap { $0.own?.medianError }
    return own > (place == 1 ? firstFactor : stepFactor) * Percentiles(others)[0.5]
  }

  private static func step(_ layers: [LayerDrift], _ place: Int, _ tensors: [TensorDifference]) -> String {
    let layer = layers[place]
    let worst = tensors.first { $0.layer == layer.layer }
    return "the drift makes a step in layer \(layer.layer) (\(layer.kind.words)): half of the tokens are off by "
      + "\(rounded(layer.accumulated.medianError)) or more behind it, by \(rounded(layers[place - 1].accumulated.medianError)) "
      + "before" + (worst.map { "; of its tensors, \($0.name) differs most (\(rounded($0.relativeError)))" } ?? "")
  }

  // MARK: Tensors

  /// How many times the usual error of a type is far off.
  private static let farFactor = 2.5
  /// So many tensors of a type say what is usual.
  private static let fewTensors = 4

  /// Tensors whose weights are much further off than their type explains, the worst first.
  static func farOff(_ tensors: [TensorDifference]) -> [TensorDifference] {
    let groups = Dictionary(grouping: tensors) { $0.typeAfter }
    let usual = groups.mapValues { group in
      group.count < fewTensors ? nil : Percentiles(group.map(\.relativeError))[0.5]
    }
    return tensors.filter { tensor in
      let expected = (usual[tensor.typeAfter] ?? nil) ?? tensor.expectedError
      return tensor.relativeError > max(leastError, farFactor * expected)
    }
  }

  private static func tensorAlarm(_ far: [TensorDifference]) -> String? {
    guard !far.isEmpty else { return nil }
    let names = far.prefix(3).map { "\($0.name) (\($0.typeAfter), \(rounded($0.relativeError)))" }
    let rest = far.count > 3 ? " and \(far.count - 3) more" : ""
    return "weights are further off than their type explains: \(names.joined(separator: ", "))\(rest)"
  }

  /// Four digits after the point.
  private static func rounded(_ value: Double) -> String { String((value * 10_000).rounded() / 10_000) }
}

extension LayerDrift.Kind {
  /// As a sentence calls it.
  package var words: String {
    switch self {
    case .embedding: "the embedding"
    case .attention: "attention"
    case .linear: "linear attention"
    }
  }
}
