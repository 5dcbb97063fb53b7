import Architectures
import Base
import Containers
import Quants
import Runtime

/// A tensor of either container with its values as GGUF has them: heads in its order, norms as factors, planes apart.
///
/// So the same weights give the same numbers wherever they lie.
package struct CommonTensor: Sendable {
  /// The name in GGUF.
  package private(set) var name: String
  /// The shape in GGUF.
  package let shape: Shape
  package let part: TensorRule.Part
  package let entry: TensorEntry
  /// What is done to the stored values.
  private let steps: [TensorStep]
  private let codec: RowCodec

  /// Describes a tensor of a checkpoint by the rule of its family; nil where it is missing, has another shape than the configuration
  /// asks for, or is stored in a way that is not known.
  init?(_ rule: TensorRule, in checkpoint: Checkpoint) {
    guard let entry = rule.entry(in: checkpoint), entry.shape == rule.shape(in: checkpoint),
      entry.shape.elementCount > 0, let codec = try? RowCodec(entry.type)
    else { return nil }
    name = rule.name(in: .gguf)
    self.entry = entry
    self.codec = codec
    shape = rule.shape(in: .gguf)
    part = rule.part
    steps = rule.steps(from: checkpoint, to: .gguf)
  }

  /// The same tensor under another name.
  package func named(_ name: String) -> CommonTensor {
    var copy = self
    copy.name = name
    return copy
  }

  /// Items of the outermost dimension, which can be read apart; a vector is one.
  package var rows: Int { shape.rank > 1 ? shape.dimensions[0] : 1 }

  /// The values of some items.
  ///
  /// - Throws: `malformed` for one that is not a number, `inputOutput` when reading fails.
  package func values(_ rows: Range<Int>) throws(CheckpointError) -> [Float] {
    let values = try stored(rows, width: entry.shape.elementCount / self.rows)
    return TransformSteps.apply(steps.filter { order(of: $0) == nil }, to: values)
  }

  /// The order of a matrix's rows, which are read one by one from where they lie.
  private func order(of step: TensorStep) -> BlockPermutation? {
    if shape.rank > 1, case .rows(let order) = step.transform { order } else { nil }
  }

  private func stored(_ rows: Range<Int>, width: Int) throws(CheckpointError) -> [Float] {
    let rowBytes = width / entry.type.blockElements * entry.type.blockBytes
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * rowBytes, alignment: 64)
    defer { bytes.deallocate() }
    func read(_ source: Int, _ count: Int, _ place: Int) throws(CheckpointError) {
      let part = bytes[place * rowBytes..<(place + count) * rowBytes]
      try entry.readBlocks(into: UnsafeMutableRawBufferPointer(rebasing: part), at: source * rowBytes)
    }
    if let order = steps.lazy.compactMap(order).first {
      try order.pieces(of: rows, read)
    } else {
      try read(rows.lowerBound, rows.count, 0)
    }
    return [Float](unsafeUninitializedCapacity: rows.count * width) { buffer, count in
      count = rows.count * width
      codec.decode(UnsafeRawBufferPointer(bytes), into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
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
    let own = opened.architecture.rules.filter { projector == nil || $0.part != .vision }
    var all = own.compactMap { CommonTensor($0, in: opened.checkpoint) }
    if let projector, let both = try? opened.architecture.seeing(through: projector, besides: opened.checkpoint) {
      all += both.rules.compactMap { $0.part == .vision ? CommonTensor($0, in: projector) : nil }
    }
    self.all = all
    places = Dictionary(
      all.enumerated().map { (BinaryString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
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
