import Architectures
import Base
import Containers
import Quants
import Runtime

/// A tensor of either container with its values as GGUF has them: heads in its order, norms as factors, planes apart, experts stacked.
///
/// So the same weights give the same numbers wherever they lie.
package struct CommonTensor: Sendable {
  /// The name in GGUF.
  package private(set) var name: String
  /// The shape in GGUF.
  package let shape: Shape
  package let part: TensorRule.Part
  /// The stored tensor, or the first of several.
  package var entry: TensorEntry { pieces[0].source }
  /// The stored tensors it is made of, one after another, and what is done to their values.
  private let pieces: [TensorPart]
  private let codecs: [RowCodec]

  /// Describes a tensor of a checkpoint; nil where it is stored in a way that is not known.
  init?(_ tensor: GatheredTensor, _ part: TensorRule.Part) {
    let codecs = tensor.parts.compactMap { try? RowCodec($0.source.type) }
    guard !codecs.isEmpty, codecs.count == tensor.parts.count,
      tensor.parts.allSatisfy({
        $0.source.shape.elementCount * codecs.count == tensor.shape.elementCount || codecs.count == 1
      })
    else { return nil }
    (name, shape, self.part) = (tensor.name, tensor.shape, part)
    (pieces, self.codecs) = (tensor.parts, codecs)
  }

  /// The same tensor under another name.
  package func named(_ name: String) -> CommonTensor {
    var copy = self
    copy.name = name
    return copy
  }

  /// Rows of a matrix or of a stack of them, items of what has more dimensions, which can be read apart; a vector is one.
  package var rows: Int { shape.rank == 3 ? shape.rows : shape.rank > 1 ? shape.dimensions[0] : 1 }

  /// The values of some rows.
  ///
  /// - Throws: `malformed` for one that is not a number, `inputOutput` when reading fails.
  package func values(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
    let own = max(1, self.rows / pieces.count)
    var values: [Float] = []
    var row = rows.lowerBound
    while row < rows.upperBound {
      let piece = row / own
      let end = min((piece + 1) * own, rows.upperBound)
      let more = try self.values(row - piece * own..<end - piece * own, of: piece, count: own)
      if end == rows.upperBound, values.isEmpty { return more }
      values += more
      row = end
    }
    return values
  }

  /// The values of some of the `count` rows of one stored tensor.
  private func values(_ rows: Range<Int>, of index: Int, count: Int) throws(CheckpointError) -> [Float] {
    let piece = pieces[index]
    let steps = piece.steps.filter { order(of: $0) == nil }
    let width = piece.source.shape.elementCount / count
    // Steps that go through whole items of a stack are taken through those that the rows belong to.
    let height = shape.rank == 3 && steps.contains { !$0.transform.changesValues } ? shape.dimensions[1] : 1
    let whole = rows.lowerBound / height * height..<(rows.upperBound + height - 1) / height * height
    let values = TransformSteps.apply(steps, to: try stored(whole, of: index, width: width))
    guard whole != rows else { return values }
    let size = values.count / whole.count
    return Array(values[(rows.lowerBound - whole.lowerBound) * size..<(rows.upperBound - whole.lowerBound) * size])
  }

  /// The order of a matrix's rows, which are read one by one from where they lie.
  private func order(of step: TensorStep) -> BlockPermutation? {
    if shape.rank > 1, case .rows(let order) = step.transform { order } else { nil }
  }

  private func stored(_ rows: Range<Int>, of index: Int, width: Int) throws(CheckpointError) -> [Float] {
    let (piece, entry) = (pieces[index], pieces[index].source)
    let rowBytes = width / entry.type.blockElements * entry.type.blockBytes
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * rowBytes, alignment: 64)
    defer { bytes.deallocate() }
    func read(_ source: Int, _ count: Int, _ place: Int) throws(CheckpointError) {
      let part = bytes[place * rowBytes..<(place + count) * rowBytes]
      try entry.readBlocks(into: UnsafeMutableRawBufferPointer(rebasing: part), at: source * rowBytes)
    }
    if let order = piece.steps.lazy.compactMap(order).first {
      try order.pieces(of: rows, read)
    } else {
      try read(rows.lowerBound, rows.count, 0)
    }
    return [Float](unsafeUninitializedCapacity: rows.count * width) { buffer, count in
      count = rows.count * width
      codecs[index].decode(
        UnsafeRawBufferPointer(bytes), into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }
  }
}

/// The tensors of a model as ``CommonTensor``s.
package struct CommonTensors: Sendable {
  /// In the order of a GGUF.
  package let all: [CommonTensor]
  private let places: [BinaryString: Int]

  /// Those of an opened model, and those of its vision encoder: its own, or that of a projector.
  package init(_ opened: OpenedModel, projector: Checkpoint? = nil) {
    var all = Self.tensors(opened.architecture.rules, of: opened.checkpoint) { projector == nil || $0 != .vision }
    if let projector, let both = try? opened.architecture.seeing(through: projector, besides: opened.checkpoint) {
      all += Self.tensors(both.rules, of: projector) { $0 == .vision }
    }
    self.all = all
    places = Dictionary(
      all.enumerated().map { (BinaryString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Those of a checkpoint that are there, in the shapes that the configuration asks for.
  private static func tensors(
    _ rules: [TensorRule], of checkpoint: Checkpoint, where isIncluded: (TensorRule.Part) -> Bool
  ) -> [CommonTensor] {
    let known = rules.filter { rule in
      guard let entry = rule.entry(in: checkpoint) else { return false }
      return entry.shape == rule.shape(in: checkpoint) && entry.shape.elementCount > 0
    }
    return TensorRule.Part.allCases.filter(isIncluded).flatMap { part in
      let check = RuleCheck(known, checkpoint) { $0.part == part }
      return ((try? check.gathered(in: .gguf)) ?? []).compactMap { CommonTensor($0, part) }
    }
  }

  /// The tensor of a name; the embedding table where it serves as the head.
  package subscript(name: String) -> CommonTensor? {
    if let place = places[BinaryString(name)] { return all[place] }
    return name == Self.head ? self[Self.table]?.named(name) : nil
  }

  private static let head = "output.weight"
  private static let table = "token_embd.weight"

  /// What this and another model both have, by name and in the order of this one, a head of its own on one side included.
  package func pairs(with other: CommonTensors) -> [(CommonTensor, CommonTensor)] {
    var names = all.map(\.name)
    if other.places[BinaryString(Self.head)] != nil, places[BinaryString(Self.head)] == nil { names.append(Self.head) }
    return names.compactMap { name in
      guard let first = self[name], let second = other[name], first.shape == second.shape else { return nil }
      return (first, second)
    }
  }
}
