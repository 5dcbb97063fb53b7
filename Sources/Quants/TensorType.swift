import Base

/// The format of a tensor as a value: hashable, printable, looked up by name or number.
package struct TensorType: Hashable, Sendable, CustomStringConvertible {
  /// The name as the field writes it.
  package let name: String
  /// The number in a GGUF file; nil where GGUF has none.
  package let ggufID: UInt32?
  /// The number type when weights stand alone; nil for blocks.
  package let elementType: ElementType?
  /// Weights in a block.
  package let blockElements: Int
  /// Bytes of a block.
  package let blockBytes: Int
  /// Where the scales of a block lie that can be NaN or infinite.
  package let scalePlaces: ScalePlaces
  /// The codec, for formats that can be decoded and encoded.
  package let codec: (any QuantCodec.Type)?

  /// A format with a codec.
  package init(_ codec: any QuantCodec.Type) {
    name = codec.name
    ggufID = codec.ggufID
    elementType = codec.elementType
    blockElements = codec.blockElements
    blockBytes = codec.blockBytes
    scalePlaces = codec.scalePlaces
    self.codec = codec
  }

  /// A plain number type without a codec.
  init(_ element: ElementType, ggufID: UInt32? = nil) {
    self.init(
      element.rawValue, ggufID: ggufID, element: element, elements: 1, bytes: element.byteCount, scales: .none)
  }

  /// A format without a codec.
  init(
    _ name: String, ggufID: UInt32?, element: ElementType? = nil, elements: Int, bytes: Int, scales: ScalePlaces
  ) {
    self.name = name
    self.ggufID = ggufID
    elementType = element
    blockElements = elements
    blockBytes = bytes
    scalePlaces = scales
    codec = nil
  }

  /// The format of a name, whatever its case; nil when there is none.
  package init?(name: String) {
    let wanted = name.uppercased()
    guard let type = QuantFormats.all.first(where: { $0.name.uppercased() == wanted }) else { return nil }
    self = type
  }

  /// The format of a GGUF type number; nil when there is none.
  package init?(ggufID: UInt32) {
    guard let type = QuantFormats.all.first(where: { $0.ggufID == ggufID }) else { return nil }
    self = type
  }

  /// The format of a plain number type; nil when the registry has none.
  package init?(elementType: ElementType) {
    guard let type = QuantFormats.all.first(where: { $0.elementType == elementType }) else { return nil }
    self = type
  }

  package static let i32 = TensorType(.i32, ggufID: 26)
  package static let f32 = TensorType(F32.self)
  package static let f16 = TensorType(F16.self)
  package static let bf16 = TensorType(BF16.self)
  package static let q8_0 = TensorType(Q8_0.self)
  package static let q4_0 = TensorType(Q4_0.self)

  /// Whether weights are stored in blocks of several.
  package var isBlock: Bool { elementType == nil }
  /// Bits one weight takes, scales included.
  package var bitsPerWeight: Double { Double(blockBytes * 8) / Double(blockElements) }
  package var description: String { name }

  /// Whether weights can be put into this type and into a GGUF.
  package var isWritable: Bool { codec != nil && ggufID != nil }
  /// The types weights can be put into, in the order of the registry.
  package static let writable: [TensorType] = QuantFormats.all.filter(\.isWritable)

  /// The codec, or an error that names the format.
  package func requiredCodec() throws(CheckpointError) -> any QuantCodec.Type {
    guard let codec else {
      throw CheckpointError(.unsupported, "\(name) weights can be copied but not yet decoded or encoded by quern")
    }
    return codec
  }

  /// The bytes of one row.
  ///
  /// - Throws: `malformed` when the row does not consist of whole blocks or its size overflows.
  package func byteCount(columns: Int) throws(CheckpointError) -> Int {
    guard columns % blockElements == 0 else {
      throw CheckpointError(.malformed, "\(name) needs rows of \(blockElements) weights, this row has \(columns)")
    }
    let (bytes, overflow) = (columns / blockElements).multipliedReportingOverflow(by: blockBytes)
    guard !overflow else { throw CheckpointError(.malformed, "a row of \(columns) \(name) weights overflows") }
    return bytes
  }

  /// The bytes of a whole tensor.
  ///
  /// - Throws: `malformed` when rows do not consist of whole blocks or the size overflows.
  package func byteCount(shape: Shape) throws(CheckpointError) -> Int {
    let row = try byteCount(columns: shape.columns)
    guard shape.elementCount > 0 else { return 0 }
    let (bytes, overflow) = row.multipliedReportingOverflow(by: shape.rows)
    guard !overflow else { throw CheckpointError(.malformed, "a \(name) tensor of shape \(shape) overflows") }
    return bytes
  }

  package static func == (a: TensorType, b: TensorType) -> Bool { a.name == b.name }

  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
