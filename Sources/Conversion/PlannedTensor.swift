import Architectures
import Containers
import Quants
import Base

/// One tensor of the output: where its values come from, what is done to them, and what they become.
package struct PlannedTensor: Sendable {
  /// How values get from the source to the output.
  package enum Work: Sendable {
    /// Rows stream through: moved, and decoded and encoded where types differ.
    case stream(rows: BlockPermutation?, columns: BlockPermutation?)
    /// A small tensor is taken whole through the steps of each source; several sources are planes of one tensor.
    case whole([[TensorStep]])

    /// The work of one source whose values go through these steps.
    init(_ steps: [TensorStep]) { self.init([steps]) }

    /// The work of sources whose values go through these steps and become one tensor.
    init(_ steps: [[TensorStep]]) {
      var (rows, columns): (BlockPermutation?, BlockPermutation?)
      for step in steps.joined() {
        switch step.transform {
        case .rows(let order): rows = order
        case .columns(let order): columns = order
        case .addOne, .negativeExponential, .transposed, .plane, .item:
          self = .whole(steps)
          return
        }
      }
      self = .stream(rows: rows, columns: columns)
    }
  }

  /// Its name in the output.
  package let name: String
  /// Its type in the output.
  package let type: TensorType
  /// Its shape in the output, outermost first.
  package let shape: Shape
  /// The tensors it is made of; one unless planes are joined.
  package let sources: [TensorEntry]
  package let work: Work
  /// Its stored bytes in the output.
  package let byteCount: Int
  /// The importance of its columns, expert after expert; nil where it is encoded by the plain rule.
  package let importance: [Float]?
  /// What to tell about it.
  package let note: String?

  /// Plans a tensor.
  ///
  /// - Throws: `malformed` when the type cannot store the shape, `unsupported` when a codec is missing or a tensor that must be
  ///   taken whole is too large.
  init(
    name: String, type: TensorType, shape: Shape, sources: [TensorEntry], work: Work,
    importance: [Float]? = nil, note: String? = nil
  ) throws(CheckpointError) {
    self.name = name
    self.type = type
    self.shape = shape
    self.sources = sources
    self.work = work
    self.importance = importance
    self.note = note
    do throws(CheckpointError) {
      byteCount = try type.byteCount(shape: shape)
      if case .stream(_, let columns) = work {
        let from = sources[0].type
        let isCopy = from == type && columns.map { $0.block % type.blockElements == 0 } ?? true
        if !isCopy { _ = (try from.requiredCodec(), try type.requiredCodec()) }
      } else {
        for source in sources { _ = try source.type.requiredCodec() }
        _ = try type.requiredCodec()
        guard shape.elementCount <= Self.wholeLimit else {
          throw CheckpointError(
            .unsupported, "has \(shape.elementCount) values; its transform takes at most \(Self.wholeLimit)")
        }
      }
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// The most values of a tensor that is taken whole: 64 MiB as F32.
  static let wholeLimit = 1 << 24

  /// Whether stored bytes are only moved.
  package var isCopy: Bool {
    guard case .stream(_, let columns) = work, sources[0].type == type else { return false }
    return columns.map { $0.block % type.blockElements == 0 } ?? true
  }
}
