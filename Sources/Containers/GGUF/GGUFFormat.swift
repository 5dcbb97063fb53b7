import Quants
import Base

/// The numbers of the GGUF format; `formats/gguf.md` is their page.
package enum GGUFFormat {
  /// The first four bytes.
  static let magic: [UInt8] = Array("GGUF".utf8)
  /// Bytes before the first key: magic, version, tensor count, key count.
  static let preambleBytes = 24
  /// The alignment of tensor data unless `general.alignment` says otherwise.
  static let defaultAlignment: UInt64 = 32
  /// The largest alignment accepted: a page of any machine, far from what could be used to blow up a file.
  static let largestAlignment: UInt64 = 1 << 20
  /// The most bytes before tensor data: ten times what the largest vocabulary needs.
  static let largestHeader: UInt64 = 128 << 20
  /// From here on, zeros behind the last tensor are no padding any more.
  static let mostTrailing: UInt64 = 64 << 20
  /// The most metadata pairs.
  static let mostPairs: UInt64 = 1 << 16
  /// The most tensors.
  static let mostTensors: UInt64 = 1 << 20
  /// The longest key.
  static let longestKey: UInt64 = 65_535
  /// The longest tensor name by the specification.
  static let longestName: UInt64 = 64
  /// The longest tensor name that ggml loads: its buffer of 64 bytes ends in a zero.
  static let longestWrittenName = 63
  /// The most dimensions of a tensor.
  static let mostDimensions: UInt32 = 4
  /// The deepest nesting of arrays.
  static let deepestNesting = 16
  /// The fewest bytes a key-value pair can have: length, one byte of key, type, one byte of value.
  static let smallestPair = 14
  /// The fewest bytes a tensor's description can have: length, one byte of name, rank, type, offset.
  static let smallestTensor = 25

  static let alignmentKey = "general.alignment"
  static let splitNumberKey = "split.no"
  static let splitCountKey = "split.count"
  static let splitTensorsKey = "split.tensors.count"

  /// The fewest bytes one element of an array of this type can have: a text has its length, an array type and length.
  static func smallestSize(_ type: MetadataType) -> Int { type.width ?? (type == .string ? 8 : 12) }

  /// The next multiple of a power of two, or `nil` when it does not fit.
  static func aligned(_ value: UInt64, to alignment: UInt64) -> UInt64? {
    let (sum, overflow) = value.addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
  }

  /// Types that ggml once had and withdrew.
  static let removedTypes: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
  ]

  /// The tensor type of a file's id.
  ///
  /// - Throws: `unsupported` for removed ids, those of the ik_llama.cpp fork and unknown ones.
  static func tensorType(_ id: UInt32) throws(CheckpointError) -> TensorType {
    if let name = removedTypes[id] {
      throw CheckpointError(
        .unsupported, "type id \(id) (\(name)) was removed from ggml; convert the original model again")
    }
    if let type = TensorType(ggufID: id) { return type }
    if id > 96, id < 1000 {
      throw CheckpointError(
        .unsupported,
        "type id \(id) is unknown here; ids this high belong to the ik_llama.cpp fork, whose types no other "
          + "program reads")
    }
    throw CheckpointError(.unsupported, "type id \(id) is unknown")
  }

  /// The alignment that metadata asks for.
  ///
  /// - Throws: `malformed` when it is no 32-bit unsigned number or no power of two up to 1 MiB.
  package static func alignment(of metadata: Metadata) throws(CheckpointError) -> UInt64 {
    guard let value = metadata[alignmentKey] else { return defaultAlignment }
    guard let number = value.number?.value(as: UInt32.self) else {
      throw CheckpointError(.malformed, "\(alignmentKey) has to be stored as a 32-bit unsigned integer")
    }
    let alignment = UInt64(number)
    guard alignment != 0, alignment & (alignment - 1) == 0, alignment <= largestAlignment else {
      throw CheckpointError(
        .malformed, "\(alignmentKey) is \(number); it has to be a power of two, at most \(largestAlignment)")
    }
    return alignment
  }
}
