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
  /// What it is made of: one tensor, items that follow each other along the outermost dimension, or planes; nothing where its values are computed.
  package let parts: [TensorPart]
  /// Its values, where it has no parts.
  package let computed: [Float]?
  /// Whether rows stream through, part after part; else the tensor is small and taken whole through the steps of its parts.
  package let streams: Bool
  /// Its stored bytes in the output.
  package let byteCount: Int
  /// What there will be to say of its inputs when it is encoded.
  package let guidance: GuidanceKind
  /// What to tell about it.
  package let note: String?

  /// Plans a tensor.
  ///
  /// - Throws: `malformed` when the type cannot store the shape, `unsupported` when a codec is missing or a tensor that must be
  ///   taken whole is too large.
  package init(
    name: String, type: TensorType, shape: Shape, parts: [TensorPart], computed: [Float]? = nil,
    guidance: GuidanceKind = .none, note: String? = nil
  ) throws(CheckpointError) {
    self.name = name
    self.type = type
    self.shape = shape
    self.parts = parts
    self.computed = computed
    self.guidance = guidance
    self.note = note
    streams = computed == nil && parts.allSatisfy(\.streams)
    do throws(CheckpointError) {
      byteCount = try type.byteCount(shape: shape)
      for part in parts where !part.isCopy(to: type) {
        _ = (try part.source.type.requiredCodec(), try type.requiredCodec())
      }
      guard streams || shape.elementCount <= Self.wholeLimit else {
        throw CheckpointError(
          .unsupported, "has \(shape.elementCount) values; its transform takes at most \(Self.wholeLimit)")
      }
      guard !streams || parts.allSatisfy({ $0.source.shape.elementCount * parts.count == shape.elementCount }) else {
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

  /// The tensors it is made of.
  package var sources: [TensorEntry] { parts.map(\.source) }

  /// Whether stored bytes are only moved.
  package var isCopy: Bool { computed == nil && parts.allSatisfy { $0.isCopy(to: type) } }

  /// What a guide is asked about it.
  package var description: TensorDescription { TensorDescription(name: name, type: type, shape: shape) }
}
