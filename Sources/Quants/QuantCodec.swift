import Base

/// The places of a block's floating-point scales, for finding those that are not numbers.
///
/// Every format states its own: one that forgot could write infinities and nobody would notice.
package enum ScalePlaces: Sendable, Equatable {
  /// No scale, or none that can fail: numbers that stand alone, powers of two.
  case none
  /// Half-precision scales at one or two bytes of the block.
  case halves(at: Int, and: Int? = nil)
  /// One half-precision scale in the upper four bits of four little-endian 16-bit words, its lowest bits first.
  case quarters(at: Int)
  /// One single-precision scale.
  case single(at: Int)
}

/// A way of storing a row of weights that quern can decode and encode: how many weights make a block, how many bytes that block
/// takes, and what they mean.
///
/// Plain number types are formats with one weight a block. These functions are the readable reference: kernels must give the
/// same bits. Formats that are only shown, copied and converted between containers stand in ``QuantFormats``.
package protocol QuantCodec: Sendable {
  /// The format's name as the field writes it, for example `Q4_K`.
  static var name: String { get }
  /// The type number in a GGUF file; nil where GGUF has none.
  static var ggufID: UInt32? { get }
  /// The number type when weights stand alone; nil for blocks.
  static var elementType: ElementType? { get }
  /// Weights in a block.
  static var blockElements: Int { get }
  /// Bytes of a block.
  static var blockBytes: Int { get }
  /// Where the scales of a block lie that can be NaN or infinite.
  static var scalePlaces: ScalePlaces { get }
  /// Whether rows may only be encoded with importance: with so few bits the reference has no plain rule.
  static var needsImportance: Bool { get }
  /// The weights that share one search for a scale; nil for a format that takes no account of importance.
  ///
  /// A group all of whose weights have no importance would be encoded as anything.
  static var importanceGroup: Int? { get }
  /// The codebook that kernels are handed, where the format has one.
  static var kernelTables: KernelTables? { get }
  /// Expands whole blocks into weights.
  ///
  /// - Parameters:
  ///   - source: any number of whole blocks.
  ///   - row: room for all their weights.
  static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>)

  /// Packs weights into whole blocks, as ggml's reference does.
  ///
  /// - Parameters:
  ///   - row: a multiple of `blockElements` weights.
  ///   - importance: one non-negative factor a weight, or nil for the plain rule.
  ///   - blocks: room for all blocks.
  static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer)
}

extension QuantCodec {
  /// Blocks are the rule; plain number types say otherwise.
  package static var elementType: ElementType? { nil }
  /// Most formats have a plain rule.
  package static var needsImportance: Bool { false }
  /// Formats without a weighted rule are the rule.
  package static var importanceGroup: Int? { nil }
  /// Most formats have no codebook.
  package static var kernelTables: KernelTables? { nil }
}
