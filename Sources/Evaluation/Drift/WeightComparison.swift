import Architectures
import Base
import Containers
import Quants
import Runtime

/// The weights of a model before and one after, tensor by tensor, as GGUF has them.
enum WeightComparison {
  /// Weights that are compared at a time.
  private static let pieceWeights = 1 << 18

  /// The tensors of a model before and of each model after.
  static func differences(
    _ before: OpenedModel, _ after: [OpenedModel], threads: Int
  ) throws(CheckpointError) -> [[TensorDifference]] {
    let first = before.commonTensors
    return try after.map { model throws(CheckpointError) in
      try differences(first, model.commonTensors, threads: threads)
    }
  }

  /// Every tensor that both models have, the worst first.
  ///
  /// Read in pieces, of which each thread holds one of either model. The figures do not depend on the number of threads, to the last bit.
  /// - Throws: `malformed` for a weight that is not a number, `inputOutput` when reading fails.
  static func differences(
    _ before: CommonTensors, _ after: CommonTensors, threads: Int
  ) throws(CheckpointError) -> [TensorDifference] {
    let pairs = before.pairs(with: after)
    let pieces = pairs.enumerated().flatMap { index, pair in
      let rows = pair.0.rows
      let step = max(1, pieceWeights / max(1, pair.0.shape.elementCount / rows))
      return stride(from: 0, to: rows, by: step).map { (pair: index, rows: $0..<min(rows, $0 + step)) }
    }
    let sums = Lock([PairSums](repeating: PairSums(), count: pieces.count))
    try parallelRows(count: pieces.count, threads: threads) { part throws(CheckpointError) in
      for number in part {
        let piece = pieces[number]
        let (first, second) = pairs[piece.pair]
        let (values, others) = (try first.values(piece.rows), try second.values(piece.rows))
        var sum = PairSums()
        values.withUnsafeBufferPointer { values in
          others.withUnsafeBufferPointer { others in sum.add(values, others) }
        }
        sums.withLock { [sum] sums in sums[number] = sum }
      }
    }
    var whole = [PairSums](repeating: PairSums(), count: pairs.count)
    sums.withLock { sums in
      for (piece, sum) in zip(pieces, sums) { whole[piece.pair].add(sum) }
    }
    let found = zip(pairs, whole).map { pair, sum in
      TensorDifference(
        name: pair.0.name, isVision: pair.0.part == .vision, typeBefore: pair.0.entry.type.name,
        typeAfter: pair.1.entry.type.name, count: pair.0.shape.elementCount, relativeError: sum.relativeError,
        cosine: sum.cosine, largestError: sum.largest)
    }
    // The sort is not stable; of equals the first in the file comes first.
    return found.enumerated().sorted { a, b in
      a.element.relativeError != b.element.relativeError
        ? a.element.relativeError > b.element.relativeError : a.offset < b.offset
    }.map(\.element)
  }
}

extension OpenedModel {
  /// Its tensors as GGUF has them; also those of the projector that was named with it, or lies beside a GGUF, where one is found that fits.
  var commonTensors: CommonTensors {
    if let projector { return CommonTensors(self, projector: projector) }
    guard checkpoint.format == .gguf, let path = try? ProjectorFile.beside(checkpoint) else {
      return CommonTensors(self)
    }
    return CommonTensors(self, projector: try? Containers.open(path))
  }
}
