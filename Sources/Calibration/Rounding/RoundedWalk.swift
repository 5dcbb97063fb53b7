import Base
import Engine
import Quants
import Runtime

/// Rounds the matrices of a model layer by layer, on the inputs that reach them when all before them are rounded.
///
/// The original and the rounded model go through the same sequences side by side. Where a matrix begins, the moments of the rounded model's
/// inputs are summed over all sequences; what it should give is corrected for half of the drift so far; it is rounded with error feedback
/// (``MatrixRounding``); and both go on, the one with the original, the other with the rounded matrix. No layer is run twice. Sums have one
/// order, so that the bytes depend on neither threads nor on where a run was taken up again. See docs/rounding.md.
package struct RoundedWalk {
  /// How much of the drift that reached a matrix it is to undo, and how much of that of the hidden states it adds to: halves are better than all,
  /// which fits the calibration text too closely (docs/quality.md).
  private static let (drift, residue): (Float, Float) = (0.5, 0.5)
  /// Rows that are rounded at a time, which bounds the memory.
  static let rows = 1024

  private let model: any LanguageModel
  private let matrices: NamedMatrices
  /// The type of each matrix that is rounded, by its name in GGUF.
  private let types: [String: TensorType]
  /// A factor for each column of matrices that no single set of inputs reaches: experts.
  private let importance: [String: [Float]]
  private let compute: Compute

  private var original: LayerWalk
  private var rounded: LayerWalk

  /// A matrix in its new type, rows as in the model's file and columns in GGUF's order.
  package struct Rounded: Sendable {
    package let name: String
    package let matrix: WeightMatrix
    package let bytes: [UInt8]
  }

  /// Puts both models in front of the first layer; `table` is what the embedding table becomes.
  package init(
    _ opened: OpenedModel, _ sequences: [CalibrationSequence], types: [String: TensorType],
    importance: [String: [Float]], table: WeightMatrix?, compute: Compute
  ) throws(CheckpointError) {
    model = opened.model
    matrices = try NamedMatrices(opened)
    (self.types, self.importance, self.compute) = (types, importance, compute)
    original = try LayerWalk(sequences, of: model)
    rounded = try LayerWalk(sequences, of: model, replaced: table.map { [$0.name: $0] } ?? [:])
  }

  /// The layer that comes next.
  package var layer: Int { original.layer }

  /// The hidden states of both, sequence after sequence.
  package var states: (original: [Activations], rounded: [Activations]) { (original.states, rounded.states) }

  /// Goes on in front of a layer with states that were kept.
  package mutating func resume(at layer: Int, original: [Activations], rounded: [Activations]) {
    self.original.resume(at: layer, original)
    self.rounded.resume(at: layer, rounded)
  }

  /// Takes both models through the next layer.
  ///
  /// - Returns: the matrices of the layer that were rounded.
  package mutating func advance() throws(CheckpointError) -> [Rounded] {
    var result: [Rounded] = []
    var replaced: [String: WeightMatrix] = [:]
    for half in model.halves(ofLayer: layer) {
      if half.output == nil { try encodeExperts(besides: Set(replaced.keys), &replaced) }
      result += try advance(through: half, &replaced)
    }
    original.finishLayer(compute)
    rounded.finishLayer(compute)
    return result
  }

  private mutating func advance(
    through half: LayerHalf, _ replaced: inout [String: WeightMatrix]
  ) throws(CheckpointError) -> [Rounded] {
    var result: [Rounded] = []
    func note(_ matrix: Rounded) {
      result.append(matrix)
      replaced[matrix.name] = matrix.matrix
    }
    for matrix in try inputs(of: half) { note(matrix) }
    var quantized = compute
    quantized.replaced = replaced
    let output = half.output.flatMap { types[$0.name] == nil ? nil : $0 }
    let sums = output.map { Sums(output: $0) }
    var opened: [Activations] = []
    for index in original.states.indices {
      try Cancellation.check()
      let (before, after) = (original.states[index], rounded.states[index])
      let clean = original.open(half, ofSequence: index, compute)
      let drifted = rounded.open(half, ofSequence: index, quantized)
      if let output, let sums {
        let miss = compute.product(clean.mixed(1, drifted, -1, compute), output)
        miss.scale(by: Self.drift, compute)
        if !half.normsOutput { miss.add(before.mixed(Self.residue, after, -Self.residue, compute), compute) }
        try sums.moments.add(drifted, compute)
        try sums.miss.add(miss, drifted, compute)
      }
      half.add(clean, to: before, compute)
      opened.append(drifted)
    }
    if let output, let sums {
      let matrix = try round(output, sums.moments) { rows, weights, rounding throws(CheckpointError) in
        rounding.target(weights, correction: sums.miss.sums.copy(of: rows))
      }
      note(matrix)
      quantized.replaced = replaced
    }
    for (index, drifted) in opened.enumerated() { half.add(drifted, to: rounded.states[index], quantized) }
    return result
  }

  /// What is summed for the matrix that closes a half.
  private struct Sums {
    let moments: InputMoments
    /// What the rounded model misses at the outputs, times its inputs: [rows, columns].
    let miss: CrossMoments

    init(output: WeightMatrix) {
      moments = InputMoments(columns: output.columns)
      miss = CrossMoments(rows: output.rows, columns: output.columns)
    }
  }

  /// Rounds the matrices that read normed hidden states.
  private func inputs(of half: LayerHalf) throws(CheckpointError) -> [Rounded] {
    let open = half.inputs.filter { types[$0.name] != nil }
    guard let width = open.first?.columns else { return [] }
    let moments = InputMoments(columns: width)
    // Turned around, so that rows of weights are multiplied by it.
    let drift = CrossMoments(rows: width, columns: width)
    for (before, after) in zip(original.states, rounded.states) {
      try Cancellation.check()
      let clean = half.norm(before, compute)
      let drifted = half.norm(after, compute)
      try moments.add(drifted, compute)
      try drift.add(drifted, clean.mixed(Self.drift, drifted, -Self.drift, compute), compute)
    }
    let rounding = try MatrixRounding(moments: moments, compute: compute)
    let miss = try drift.sums.asWeights()
    return try open.map { matrix throws(CheckpointError) in
      try round(matrix, rounding) { _, weights, rounding throws(CheckpointError) in
        rounding.target(weights, correction: compute.product(weights, miss))
      }
    }
  }

  private func round(
    _ matrix: WeightMatrix, _ moments: InputMoments,
    target: (Range<Int>, Activations, MatrixRounding) throws(CheckpointError) -> Activations
  ) throws(CheckpointError) -> Rounded {
    try round(matrix, MatrixRounding(moments: moments, compute: compute), target: target)
  }

  private func round(
    _ matrix: WeightMatrix, _ rounding: MatrixRounding,
    target: (Range<Int>, Activations, MatrixRounding) throws(CheckpointError) -> Activations
  ) throws(CheckpointError) -> Rounded {
    guard let type = types[matrix.name] else { throw CheckpointError(.fault, "no type", tensor: matrix.name) }
    var bytes: [UInt8] = []
    for first in stride(from: 0, to: matrix.rows, by: Self.rows) {
      try Cancellation.check()
      let rows = first..<min(matrix.rows, first + Self.rows)
      bytes += try rounding.round(target(rows, matrix.decoded(rows, compute), rounding), as: type).bytes
    }
    let copy = try WeightMatrix(
      rows: matrix.rows, columns: matrix.columns, type: type, copying: bytes, kernels: compute.kernels.kernels)
    return Rounded(name: matrix.name, matrix: copy.named(matrix.name, firstRow: 0), bytes: bytes)
  }

  /// Matrices of which each token reaches some: they are encoded by the weighted rule, as the plan will encode them.
  private func encodeExperts(
    besides done: Set<String>, _ replaced: inout [String: WeightMatrix]
  ) throws(CheckpointError) {
    for matrix in matrices.layer(layer) where !done.contains(matrix.name) {
      guard let type = types[matrix.name] else { continue }
      replaced[matrix.name] = try matrix.encoded(
        as: type, importance: importance[matrix.name], threads: compute.threads,
        kernels: compute.kernels.kernels)
    }
  }
}

extension WeightMatrix {
  /// Some rows as numbers: [rows, columns], columns as they are multiplied.
  func decoded(_ range: Range<Int>, _ compute: Compute) -> Activations {
    let result = Activations(rows: range.count, columns: columns)
    let width = columns
    compute.each(range.count, grain: 16) { part in
      result.withElements { all in
        for row in part {
          decode(
            row: range.lowerBound + row,
            into: UnsafeMutableBufferPointer(rebasing: all[row * width..<(row + 1) * width])
          )
        }
      }
    }
    return result
  }
}
