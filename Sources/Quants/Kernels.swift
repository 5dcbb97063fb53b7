import Libc

private import CKernels
import Base

/// The loops that carry the speed: of each the best one that some instruction sets allow.
///
/// Pass the value to what computes; there is no global choice behind it. Encoders give the same bytes at every
/// level. Sums give the same bits at every level that has a fused multiply-add (all but `portable`).
package struct Kernels: @unchecked Sendable, CustomStringConvertible {  // the table is constant data
  /// Where the level stands in ``available``.
  package let index: Int
  /// `portable`, `avx2`, `avx512` or `neon`; `all` where no level includes all the others.
  package let name: String
  package var description: String { name }

  private let table: UnsafePointer<ck_kernels>

  private init(index: Int) {
    self.index = index
    table = ck_kernels_at(index)
    name = String(cString: table.pointee.name)
  }

  /// The levels this processor can run: portable first, and last all that it can do.
  package static let available: [Kernels] = (0..<ck_kernels_count()).map { Kernels(index: $0) }

  /// The kernels of each format at each level.
  private static let formats: [[TensorType: FormatKernels]] = available.map { level in
    QuantFormats.all.reduce(into: [:]) { found, type in
      found[type] = ck_format_named(level.table, type.name).map { FormatKernels($0, tables: type.codec?.kernelTables) }
    }
  }

  /// The kernels of a format; nil when it has none.
  package subscript(type: TensorType) -> FormatKernels? { Self.formats[index][type] }

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

  /// The index of the first infinity or NaN among stored F32, F16 or BF16 numbers; nil when all are finite.
  ///
  /// For any other type the answer is nil.
  package func firstNonFinite(_ type: TensorType, _ source: UnsafeRawBufferPointer) -> Int? {
    guard let from = source.baseAddress else { return nil }
    let count = source.count / type.blockBytes
    let found: Int
    switch type {
    case .f32: found = table.pointee.first_nonfinite_f32(from, count)
    case .f16: found = table.pointee.first_nonfinite_f16(from, count)
    case .bf16: found = table.pointee.first_nonfinite_bf16(from, count)
    default: return nil
    }
    return found < count ? found : nil
  }
}

/// What a level has for one format: loops with the bits of the format's own codec.
///
/// Where it has none the format's plain code does the work. Sendable because it is an address of constant functions.
package struct FormatKernels: @unchecked Sendable {
  /// Decodes and packs stored rows for the register block; see `ops/pack.h`.
  ///
  /// Arguments: stored rows, bytes from row to row, rows, columns, the panel.
  package typealias Unpack = @convention(c) (UnsafeRawPointer, Int, Int, Int, UnsafeMutablePointer<Float>) -> Void
  /// The product of one to ``fewTokens`` tokens with stored rows of numbers; see `ops/gemv.h`.
  ///
  /// Columns are a multiple of 32. Arguments: stored rows, bytes from row to row, rows, tokens [tokens][columns], elements from token to token,
  /// tokens, columns, outputs [tokens][rows], elements from token to token.
  package typealias Gemv =
    @convention(c) (
      UnsafeRawPointer, Int, Int, UnsafePointer<Float>, Int, Int, Int, UnsafeMutablePointer<Float>, Int
    ) -> Void
  /// Tokens that a ``Gemv`` and ``multiply(digits:tokens:columns:_:rowBytes:rows:into:outputs:)`` take at most.
  package static let fewTokens = 4
  /// Columns that share a scale of the digits they are cut into.
  package static let digitColumns = 256
  /// Bytes of the digits of so many columns.
  package static let digitBytes = MemoryLayout<ck_stretch>.size

  private let record: UnsafePointer<ck_format>
  private let tables: KernelTables?

  fileprivate init(_ record: UnsafePointer<ck_format>, tables: KernelTables?) {
    self.record = record
    self.tables = tables
  }

  package var unpack: Unpack? { record.pointee.unpack }
  package var gemv: Gemv? { record.pointee.gemv }
  /// Whether there is a product of a few tokens, cut into digits, with stored rows; see `ops/digits_dot.h`.
  package var hasDigits: Bool { record.pointee.digits != nil }

  /// Multiplies one to ``fewTokens`` tokens, cut into digits, by stored rows; there must be a loop for it.
  ///
  /// - Parameters:
  ///   - digits: the tokens one after another, of ``digitBytes`` for every ``digitColumns`` columns or fewer.
  ///   - tokens: how many.
  ///   - columns: whole blocks, a multiple of 32.
  ///   - weights: the first row.
  ///   - rowBytes: bytes from row to row.
  ///   - rows: how many.
  ///   - y: outputs, [tokens][rows].
  ///   - outputs: elements from token to token of `y`.
  package func multiply(
    digits: UnsafeRawPointer, tokens: Int, columns: Int, _ weights: UnsafeRawPointer, rowBytes: Int, rows: Int,
    into y: UnsafeMutablePointer<Float>, outputs: Int
  ) {
    record.pointee.digits?(
      weights, rowBytes, rows, digits.assumingMemoryBound(to: ck_stretch.self), tokens, columns, y, outputs,
      tables?.points)
  }

  /// What there is, in the words of `docs/performance/kernels.md`.
  package var names: [String] {
    let record = record.pointee
    let all = [
      ("decode", record.decode != nil), ("encode", record.encode != nil), ("product", record.unpack != nil),
      ("one token", record.gemv != nil || record.digits != nil),
    ]
    return all.filter(\.1).map(\.0)
  }

  /// Expands `count` weights, whole blocks; false where there is no loop for it.
  func decode(_ from: UnsafeRawPointer, _ to: UnsafeMutablePointer<Float>, count: Int) -> Bool {
    guard let decode = record.pointee.decode else { return false }
    decode(from, to, count, tables?.points)
    return true
  }

  /// Packs `count` weights of one row, whole blocks; false where there is no loop for it.
  func encode(
    _ from: UnsafePointer<Float>, _ importance: UnsafePointer<Float>?, _ to: UnsafeMutableRawPointer, count: Int
  ) -> Bool {
    guard let encode = record.pointee.encode else { return false }
    encode(from, importance, to, count, tables?.codebook.address.assumingMemoryBound(to: ck_codebook.self))
    return true
  }
}
