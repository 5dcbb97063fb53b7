private import CKernels
import Base

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The loops that carry the speed, as compiled for one instruction set.
///
/// Pass the value to what computes; there is no global choice behind it. Encoders give the same bytes at every
/// level. Sums give the same bits at every level that has a fused multiply-add (all but `portable`).
package struct Kernels: @unchecked Sendable, CustomStringConvertible {  // the table is constant data
  /// Where the level stands in ``available``.
  package let index: Int
  /// `portable`, `avx2`, `avx512` or `neon`.
  package let name: String
  package var description: String { name }

  private let table: UnsafePointer<ck_level>

  private init(index: Int) {
    self.index = index
    table = ck_level_at(index)
    name = String(cString: table.pointee.name)
  }

  private var level: ck_level { _read { yield table.pointee } }

  /// The levels this processor can run: portable first, fastest last.
  package static let available: [Kernels] = (0..<ck_level_count()).map { Kernels(index: $0) }

  /// The environment variable that names another level than the fastest.
  package static let override = "QUERN_KERNELS"

  /// The level to use: the fastest, or the one `QUERN_KERNELS` names.
  package static let best: Kernels = {
    let fastest = available[available.count - 1]
    guard let wanted = wantedName else { return fastest }
    return available.first { $0.name == wanted } ?? fastest
  }()

  /// Refuses a `QUERN_KERNELS` that this processor cannot run; commands call it before they work.
  ///
  /// - Throws: `usage`, naming the levels there are.
  package static func checkOverride() throws(CheckpointError) {
    guard let wanted = wantedName, !available.contains(where: { $0.name == wanted }) else { return }
    let names = available.map(\.name).joined(separator: ", ")
    throw CheckpointError(.usage, "\(override)=\(wanted): this processor runs \(names)")
  }

  private static var wantedName: String? {
    guard let value = getenv(override) else { return nil }
    let name = String(cString: value)
    return name.isEmpty ? nil : name
  }
}

/// A format that kernels decode and encode.
package enum KernelFormat: CaseIterable, Sendable {
  case f16, bf16, q8_0, q4_0

  /// The format as the registry knows it.
  package var type: TensorType {
    switch self {
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    }
  }

  /// Weights in a block.
  var blockElements: Int { self == .f16 || self == .bf16 ? 1 : 32 }

  /// Bytes of a block.
  var blockBytes: Int {
    switch self {
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    }
  }

  /// The kernels' name for a format; nil when there are none for it.
  package init?(_ type: TensorType) {
    guard let format = KernelFormat.allCases.first(where: { $0.type == type }) else { return nil }
    self = format
  }

  /// Whether importance changes what the format's encoder does; kernels encode without it.
  package var usesImportance: Bool { self == .q4_0 }
}

extension Kernels {
  /// Expands whole blocks into weights, with the bits of the format's own `decode`.
  package func decode(
    _ format: KernelFormat, _ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>
  ) {
    let count = source.count / format.blockBytes * format.blockElements
    precondition(count <= row.count, "the row must hold every decoded weight")
    guard let from = source.baseAddress, let to = row.baseAddress, count > 0 else { return }
    switch format {
    case .f16: level.decode_f16(from, to, count)
    case .bf16: level.decode_bf16(from, to, count)
    case .q8_0: level.decode_q8_0(from, to, count)
    case .q4_0: level.decode_q4_0(from, to, count)
    }
  }

  /// Packs weights into whole blocks, with the bytes of the format's own `encode` without importance.
  package func encode(
    _ format: KernelFormat, _ row: UnsafeBufferPointer<Float>, into blocks: UnsafeMutableRawBufferPointer
  ) {
    let count = row.count / format.blockElements
    precondition(count * format.blockBytes <= blocks.count, "the blocks must hold every weight")
    guard let from = row.baseAddress, let to = blocks.baseAddress, count > 0 else { return }
    let weights = count * format.blockElements
    switch format {
    case .f16: level.encode_f16(from, to, weights)
    case .bf16: level.encode_bf16(from, to, weights)
    case .q8_0: level.encode_q8_0(from, to, weights)
    case .q4_0: level.encode_q4_0(from, to, weights)
    }
  }

  /// The index of the first infinity or NaN among stored F32, F16 or BF16 numbers; nil when all are finite.
  ///
  /// For any other type the answer is nil.
  package func firstNonFinite(_ type: TensorType, _ source: UnsafeRawBufferPointer) -> Int? {
    guard let from = source.baseAddress else { return nil }
    let count = source.count / type.blockBytes
    let found: Int
    switch type {
    case .f32: found = level.first_nonfinite_f32(from, count)
    case .f16: found = level.first_nonfinite_f16(from, count)
    case .bf16: found = level.first_nonfinite_bf16(from, count)
    default: return nil
    }
    return found < count ? found : nil
  }
}

/// The loops of one block format at one level, with the bits of the format's own codec.
///
/// Sendable because it holds nothing but addresses of constant C functions and tables.
package struct BlockKernel: @unchecked Sendable {
  fileprivate typealias Decoder = (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int) -> Void
  fileprivate typealias Encoder = (UnsafePointer<Float>, UnsafePointer<Float>?, UnsafeMutableRawPointer, Int) -> Void

  /// The format.
  package let type: TensorType
  fileprivate let decoder: Decoder
  fileprivate let encoder: Encoder?

  /// Whether the format's encoder has a kernel too.
  package var encodes: Bool { encoder != nil }

  /// Expands whole blocks into weights.
  package func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let count = source.count / type.blockBytes * type.blockElements
    precondition(count <= row.count, "the row must hold every decoded weight")
    guard let from = source.baseAddress, let to = row.baseAddress, count > 0 else { return }
    decoder(from, to, count)
  }

  /// Packs one row of weights into whole blocks; only where ``encodes``.
  package func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let count = row.count / type.blockElements
    precondition(count * type.blockBytes <= blocks.count, "the blocks must hold every weight")
    precondition(importance.map { $0.count >= row.count } ?? true, "every weight has an importance")
    guard let from = row.baseAddress, let to = blocks.baseAddress, let encoder, count > 0 else { return }
    encoder(from, importance?.baseAddress, to, count * type.blockElements)
  }
}

extension Kernels {
  /// The loops of a block format; nil when it has none.
  package func block(_ type: TensorType) -> BlockKernel? {
    let level = level
    func kernel(_ decoder: @escaping BlockKernel.Decoder, _ encoder: BlockKernel.Encoder?) -> BlockKernel {
      BlockKernel(type: type, decoder: decoder, encoder: encoder)
    }
    // Tables are made when a row first needs them.
    func kernel(
      _ decoder: @escaping (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int, UnsafePointer<UInt64>) -> Void,
      _ encoder:
        @escaping (
          UnsafePointer<Float>, UnsafePointer<Float>?, UnsafeMutableRawPointer, Int, UnsafePointer<ck_codebook>
        ) -> Void,
      _ tables: KernelTables
    ) -> BlockKernel {
      kernel(
        { decoder($0, $1, $2, tables.points) },
        { encoder($0, $1, $2, $3, tables.codebook.address.assumingMemoryBound(to: ck_codebook.self)) })
    }
    switch type.name {
    case "Q4_1": return kernel(level.decode_q4_1, level.encode_q4_1)
    case "Q5_0": return kernel(level.decode_q5_0, level.encode_q5_0)
    case "Q5_1": return kernel(level.decode_q5_1, level.encode_q5_1)
    case "IQ4_NL": return kernel(level.decode_iq4_nl, level.encode_iq4_nl)
    case "IQ4_XS": return kernel(level.decode_iq4_xs, level.encode_iq4_xs)
    case "TQ1_0": return kernel(level.decode_tq1_0, level.encode_tq1_0)
    case "TQ2_0": return kernel(level.decode_tq2_0, level.encode_tq2_0)
    case "MXFP4": return kernel(level.decode_mxfp4, level.encode_mxfp4)
    case "NVFP4": return kernel(level.decode_nvfp4, level.encode_nvfp4)
    case "Q1_0": return kernel(level.decode_q1_0, level.encode_q1_0)
    case "Q2_0": return kernel(level.decode_q2_0, level.encode_q2_0)
    case "IQ1_S": return kernel(level.decode_iq1_s, level.encode_iq1_s, .iq1)
    case "IQ1_M": return kernel(level.decode_iq1_m, level.encode_iq1_m, .iq1)
    case "IQ2_XXS": return kernel(level.decode_iq2_xxs, level.encode_iq2_xxs, .iq2XXS)
    case "IQ2_XS": return kernel(level.decode_iq2_xs, level.encode_iq2_xs, .iq2XS)
    case "IQ2_S": return kernel(level.decode_iq2_s, level.encode_iq2_s, .iq2S)
    case "IQ3_XXS": return kernel(level.decode_iq3_xxs, level.encode_iq3_xxs, .iq3XXS)
    case "IQ3_S": return kernel(level.decode_iq3_s, level.encode_iq3_s, .iq3S)
    case "Q4_0":
      let (plain, weighted) = (level.encode_q4_0, level.encode_q4_0_weighted)
      return kernel(level.decode_q4_0) { row, importance, blocks, count in
        if let importance { weighted(row, importance, blocks, count) } else { plain(row, blocks, count) }
      }
    case "Q2_K": return kernel(level.decode_q2_k, level.encode_q2_k)
    case "Q3_K": return kernel(level.decode_q3_k, level.encode_q3_k)
    case "Q4_K": return kernel(level.decode_q4_k, level.encode_q4_k)
    case "Q5_K": return kernel(level.decode_q5_k, level.encode_q5_k)
    case "Q6_K": return kernel(level.decode_q6_k, level.encode_q6_k)
    default: return nil
    }
  }
}
