import Quants

/// How weights are stored: a number type such as `BF16`, or a block format such as `Q4_K`.
///
/// `formats/quants.tsv` of the repository lists all of them with their layouts.
public struct WeightType: Hashable, Sendable, CustomStringConvertible {
  let type: TensorType

  init(_ type: TensorType) { self.type = type }

  /// The type of a name, whatever its case; nil when there is none.
  public init?(_ name: String) {
    guard let type = TensorType(name: name) else { return nil }
    self.type = type
  }

  /// 32-bit floating point (IEEE 754).
  public static let f32 = WeightType(.f32)
  /// 16-bit floating point (IEEE 754).
  public static let f16 = WeightType(.f16)
  /// The upper half of an F32.
  public static let bf16 = WeightType(.bf16)
  /// Blocks of 32 weights in eight bits, with one scale.
  public static let q8_0 = WeightType(.q8_0)
  /// Blocks of 32 weights in four bits, with one scale.
  public static let q4_0 = WeightType(.q4_0)

  /// The types that weights can be put into.
  public static let writable: [WeightType] = TensorType.writable.map { WeightType($0) }

  /// The name as the field writes it, for example `Q4_K`.
  public var name: String { type.name }
  /// Weights of one block; 1 for a number type.
  ///
  /// Rows consist of whole blocks.
  public var blockWeights: Int { type.blockElements }
  /// Bytes of one block.
  public var blockBytes: Int { type.blockBytes }
  /// Bits one weight takes, scales included.
  public var bitsPerWeight: Double { type.bitsPerWeight }
  /// The same as ``name``.
  public var description: String { type.name }
}
