import Architectures
import Base
import Containers
import Quants

/// One tensor of the output: where its values come from, what is done to them, and what they become.
package struct PlannedTensor: Sendable {
  /// Its name in the output.
  package let name: String
  /// Its type in the output.
  package let type: TensorType
  /// Its shape in the output, outermost first.
  package let shape: Shape
  /// What it is made of: one tensor, items that follow each other along the outermost dimension, parts whose rows are brought together, or planes;
  /// nothing where its values are computed.
  package let parts: [TensorPart]
  /// Its values, where it has no parts.
  package let computed: [Float]?
  /// Which half of the blocks of its parts it holds, where a container keeps them in two tensors; nil for all of them.
  package let half: BlockHalf?
  /// Whether rows stream through, part after part; else the tensor is small and taken whole through the steps of its parts.
  package let streams: Bool
  /// Its stored bytes in the output.
  package let byteCount: Int
  /// What there will be to say of its inputs when it is encoded.
  package let guidance: GuidanceKind
  /// Whether its type is the recipe's to say: not one that has to stay in full precision.
  package let isChosen: Bool
  /// What to tell about it.
  package let note: String?

  /// Plans a tensor.
  ///
  /// - Throws: `malformed` when the type cannot store the shape, `unsupported` when a codec is missing or a tensor that must be
  ///   taken whole is too large.
  package init(
    name: String, type: TensorType, shape: Shape, parts: [TensorPart], computed: [Float]? = nil,
    half: BlockHalf? = nil, guidance: GuidanceKind = .none, isChosen: Bool = false, note: String? = nil
  ) throws(CheckpointError) {
    self.name = name
    self.type = type
    self.shape = shape
    self.parts = parts
    self.computed = computed
    self.half = half
    self.guidance = guidance
    self.isChosen = isChosen
    self.note = note
    streams = computed == nil && parts.allSatisfy(\.streams)
    do throws(CheckpointError) {
      byteCount = try type.byteCount(shape: shape)
      for part in parts where half == nil && !part.isCopy(to: type) {
        _ = (try part.source.type.requiredCodec(), try type.requiredCodec())
      }
      let taken = items == 1 ? shape.elementCount : shape.elementCount / items
      guard streams || taken <= Self.wholeLimit else {
        throw CheckpointError(.unsupported, "has \(taken) values; its transform takes at most \(Self.wholeLimit)")
      }
      let weights = shape.elementCount * (half?.weightsPerByte ?? 1)
      let joins = parts.compactMap(\.join)
      let isWhole =
        joins.isEmpty
        ? parts.allSatisfy { $0.source.shape.elementCount * parts.count == weights }
        : joins.count == parts.count && RowJoin(joins, rows: weights / max(1, parts[0].source.shape.columns)) != nil
      guard !streams || isWhole else {
        throw CheckpointError(.fault, "its \(parts.count) parts do not make up \(shape)")
      }
      guard computed.map({ $0.count == shape.elementCount }) ?? !parts.isEmpty else {
        throw CheckpointError(.fault, "its values do not make up \(shape)")
      }
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// The most values of a tensor that is taken whole: 64 MiB as F32.
  static let wholeLimit = 1 << 24

  /// Items of the outermost dimension that are taken through the steps one by one: experts that are transposed; 1 for a tensor that streams or is
  /// taken whole.
  var items: Int {
    let count = shape.dimensions.first ?? 1
    guard !streams, computed == nil, shape.rank == 3, count > 1 else { return 1 }
    let isByItem = parts.allSatisfy { part in
      part.source.shape.rank == 3 && part.source.shape.dimensions[0] == count && part.source.rows == nil
        && part.steps.allSatisfy { step in
          switch step.transform {
          case .transposed, .addOne, .negativeExponential: true
          case .plane(let plane): shape.elementCount / count % plane.width == 0
          case .rows, .columns, .item, .selection: false
          }
        }
    }
    return isByItem ? count : 1
  }

  /// The tensors it is made of.
  package var sources: [TensorEntry] { parts.map(\.source) }

  /// Whether stored bytes are only moved.
  package var isCopy: Bool { computed == nil && (half != nil || parts.allSatisfy { $0.isCopy(to: type) }) }

  /// How the rows of its parts are brought together; nil where one part follows another.
  package var join: RowJoin? {
    let places = parts.compactMap(\.join)
    guard !places.isEmpty else { return nil }
    return RowJoin(places, rows: shape.elementCount * (half?.weightsPerByte ?? 1) / parts[0].source.shape.columns)
  }

  /// What a guide is asked about it.
  package var description: TensorDescription { TensorDescription(name: name, type: type, shape: shape) }
}

/// One of two tensors in which checkpoints keep MXFP4 blocks: bytes, as wide as its shape says.
package enum BlockHalf: Sendable {
  case words, scales

  /// Weights that a byte of it stands for.
  var weightsPerByte: Int { self == .words ? 2 : MXFP4.blockElements }

  /// What stands behind the name of the tensor.
  var suffix: String { self == .words ? "_blocks" : "_scales" }

  /// The shape of the tensor for blocks of a shape.
  func shape(of blocks: Shape) -> Shape {
    let scales = blocks.dimensions.dropLast() + [blocks.columns / MXFP4.blockElements]
    return Shape(self == .words ? scales + [MXFP4Words.bytes] : Array(scales))
  }
}
