import Base
import Containers
import Engine
import Quants

// Pictures in a calibration file: of sequence N `quern.picture.N.positions`, I32 [3, tokens], `quern.picture.N.range`, I32 [3]: where it stands and how long the prompt is, and
// `quern.picture.N.rows`, F32 [tokens of the picture, hidden], with `quern.picture.N.added.K` beside them where layers add more.

extension CalibrationSequence.Picture {
  private static let integer = TensorType(elementType: .i32) ?? .f32

  private static func name(_ sequence: Int, _ what: String) -> String { "quern.picture.\(sequence).\(what)" }

  /// What a file holds of it.
  func tensors(of sequence: Int) -> [(tensor: TensorDescription, values: [UInt8])] {
    func integers(_ what: String, _ shape: [Int], _ values: [Int32]) -> (tensor: TensorDescription, values: [UInt8]) {
      let words = values.map(\.littleEndian).withUnsafeBytes { Array($0) }
      return (
        TensorDescription(name: Self.name(sequence, what), type: Self.integer, shape: Shape(shape)),
        words
      )
    }
    func rows(_ what: String, _ matrix: Activations) -> (tensor: TensorDescription, values: [UInt8]) {
      let words = matrix.values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { Array($0) }
      return (
        TensorDescription(name: Self.name(sequence, what), type: .f32, shape: Shape([matrix.rows, matrix.columns])),
        words
      )
    }
    return [
      integers("positions", [3, positions.count], positions.axes.flatMap { $0 }),
      integers("range", [3], [range.lowerBound, range.upperBound, prompt].map { Int32(clamping: $0) }),
      rows("rows", seen.rows),
    ] + seen.added.enumerated().map { rows("added.\($0)", $1) }
  }

  /// Reads that of a sequence; nil where the sequence is text.
  ///
  /// - Throws: `malformed`, naming the tensor and the rule of `formats/calibration.md`.
  init?(of sequence: Int, tokens: Int, in checkpoint: Checkpoint) throws(CheckpointError) {
    guard let stored = checkpoint[Self.name(sequence, "rows")] else { return nil }
    let places = try Self.integers(sequence, "positions", [3, tokens], checkpoint)
    let ends = try Self.integers(sequence, "range", [3], checkpoint).map { Int($0) }
    guard 0 <= ends[0], ends[0] < ends[1], ends[1] <= ends[2], ends[2] <= tokens else {
      throw stored.failure(
        .malformed, "the picture stands at \(ends[0])..<\(ends[1]) of a prompt of \(ends[2]) of \(tokens) tokens")
    }
    let rows = try Self.rows(stored, count: ends[1] - ends[0])
    var added: [Activations] = []
    while let more = checkpoint[Self.name(sequence, "added.\(added.count)")] {
      let next = try Self.rows(more, count: rows.rows)
      guard next.columns == rows.columns else {
        throw more.failure(.malformed, "has rows of \(next.columns), the picture of \(rows.columns)")
      }
      added.append(next)
    }
    guard places.allSatisfy({ $0 >= 0 }) else { throw stored.failure(.malformed, "a position is negative") }
    self.init(
      positions: Positions(axes: (0..<3).map { Array(places[$0 * tokens..<($0 + 1) * tokens]) }),
      range: ends[0]..<ends[1], prompt: ends[2], seen: PictureRows(rows, added: added))
  }

  private static func integers(
    _ sequence: Int, _ what: String, _ shape: [Int], _ checkpoint: Checkpoint
  ) throws(CheckpointError) -> [Int32] {
    let name = name(sequence, what)
    guard let tensor = checkpoint[name] else {
      throw CheckpointError(.malformed, "the tensor is missing", file: checkpoint.path, tensor: name)
    }
    guard tensor.type == Self.integer, tensor.shape.dimensions == shape else {
      throw tensor.failure(.malformed, "is \(tensor.type.name) \(tensor.shape) and has to be I32 \(Shape(shape))")
    }
    return try tensor.withBytes { bytes in
      (0..<bytes.count / 4).map { Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
    }
  }

  private static func rows(_ tensor: TensorEntry, count: Int) throws(CheckpointError) -> Activations {
    guard tensor.type == .f32, tensor.shape.rank == 2, tensor.shape.rows == count, tensor.shape.columns > 0 else {
      throw tensor.failure(.malformed, "is \(tensor.type.name) \(tensor.shape) and has to be F32 with \(count) rows")
    }
    let values = try tensor.readFloats()
    guard values.allSatisfy(\.isFinite) else { throw tensor.failure(.malformed, "holds what is not a number") }
    return Activations(rows: count, columns: tensor.shape.columns, values)
  }
}

extension CalibrationSequence: Equatable {
  package static func == (a: CalibrationSequence, b: CalibrationSequence) -> Bool {
    a.tokens == b.tokens && a.scored == b.scored && a.picture == b.picture
  }
}

extension CalibrationSequence.Picture: Equatable {
  package static func == (a: Self, b: Self) -> Bool {
    func values(_ picture: Self) -> [[Float]] { ([picture.seen.rows] + picture.seen.added).map(\.values) }
    return a.positions == b.positions && a.range == b.range && a.prompt == b.prompt && values(a) == values(b)
  }
}
