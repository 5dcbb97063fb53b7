private import CKernels
import Quants

/// The engine's loops as compiled for one instruction set.
///
/// Lengths are in elements; pointers must be valid for them. Levels with a fused multiply-add all give the same bits.
package struct EngineKernels: @unchecked Sendable {  // the table is constant data
  private let table: UnsafePointer<ck_level>
  /// The level.
  package let kernels: Kernels
  /// Tokens in a packed panel of activations.
  package let tokenBlock: Int
  /// Weight rows in a packed panel of weights.
  package let rowBlock: Int
  /// Multiply-adds of one iteration of ``multiplyAddPeak(iterations:)``.
  package let peakWidth: Int

  /// Takes the engine's part of a level.
  package init(_ kernels: Kernels) {
    self.kernels = kernels
    table = ck_level_at(kernels.index)
    tokenBlock = table.pointee.token_block
    rowBlock = table.pointee.row_block
    peakWidth = table.pointee.peak_width
  }

  private var level: ck_level { _read { yield table.pointee } }

  /// The sum of a[i] * b[i], over 32 partial sums.
  package func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    level.dot_f32(a, b, count)
  }

  /// Adds scale * x[i] to y[i].
  package func addScaled(
    _ x: UnsafePointer<Float>, by scale: Float, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    level.axpy_f32(scale, x, y, count)
  }

  /// e^x of each element, to about one unit in the last place; `to` may be `from`.
  package func exp(_ from: UnsafePointer<Float>, into to: UnsafeMutablePointer<Float>, count: Int) {
    level.exp_f32(from, to, count)
  }

  /// x / (1 + e^-x) of each element; `to` may be `from`.
  package func silu(_ from: UnsafePointer<Float>, into to: UnsafeMutablePointer<Float>, count: Int) {
    level.silu_f32(from, to, count)
  }

  /// 1 / (1 + e^-x) of each element; `to` may be `from`.
  package func sigmoid(_ from: UnsafePointer<Float>, into to: UnsafeMutablePointer<Float>, count: Int) {
    level.sigmoid_f32(from, to, count)
  }

  /// Runs the register-only multiply-add loop and returns a number that depends on all of it.
  package func multiplyAddPeak(iterations: Int) -> Float {
    level.fma_peak(iterations)
  }

  /// Packs up to `tokenBlock` rows of x, `stride` apart, as [columns][tokens].
  func packTokens(
    _ x: UnsafePointer<Float>, stride: Int, tokens: Int, columns: Int, into panel: UnsafeMutablePointer<Float>
  ) {
    level.pack_tokens(x, stride, tokens, columns, panel)
  }

  /// Packs up to `rowBlock` decoded weight rows, `stride` apart, as [columns][rowBlock].
  func packRows(
    _ weights: UnsafePointer<Float>, stride: Int, rows: Int, columns: Int, into panel: UnsafeMutablePointer<Float>
  ) {
    level.pack_rows(weights, stride, rows, columns, panel)
  }

  /// Decodes and packs up to `rowBlock` stored rows, `rowBytes` apart; false when the format has no kernel for it.
  func unpack(
    _ type: TensorType, _ stored: UnsafeRawPointer, rowBytes: Int, rows: Int, columns: Int,
    into panel: UnsafeMutablePointer<Float>
  ) -> Bool {
    switch type {
    case .f32: level.unpack_f32(stored, rowBytes, rows, columns, panel)
    case .f16: level.unpack_f16(stored, rowBytes, rows, columns, panel)
    case .bf16: level.unpack_bf16(stored, rowBytes, rows, columns, panel)
    case .q8_0: level.unpack_q8_0(stored, rowBytes, rows, columns, panel)
    case .q4_0: level.unpack_q4_0(stored, rowBytes, rows, columns, panel)
    default: return false
    }
    return true
  }

  /// The product of one to ``gemvTokens`` tokens with stored rows; see `ops/gemv.h`.
  ///
  /// Arguments: stored rows, bytes from row to row, rows, tokens [tokens][columns], elements from token to token,
  /// tokens, columns, outputs [tokens][rows], elements from token to token.
  typealias Gemv =
    @convention(c) (
      UnsafeRawPointer, Int, Int, UnsafePointer<Float>, Int, Int, Int, UnsafeMutablePointer<Float>, Int
    ) -> Void

  /// Tokens that a ``Gemv`` takes at most.
  static let gemvTokens = 4

  /// The product for few tokens of a format; nil when the format has no kernel for it, or not for so many columns.
  func gemv(_ type: TensorType, columns: Int) -> Gemv? {
    guard columns % 32 == 0 else { return nil }
    return switch type {
    case .f32: level.gemv_f32
    case .f16: level.gemv_f16
    case .bf16: level.gemv_bf16
    case .q8_0: level.gemv_q8_0
    case .q4_0: level.gemv_q4_0
    case TensorType(Q4_K.self): level.gemv_q4_k
    case TensorType(Q5_K.self): level.gemv_q5_k
    case TensorType(Q6_K.self): level.gemv_q6_k
    default: nil
    }
  }

  /// One stretch of columns of y = x W^T over packed panels; see `ops/product.h`.
  ///
  /// - Parameters:
  ///   - x: token panels.
  ///   - tokens: tokens in them.
  ///   - weights: row panels.
  ///   - rows: rows in them.
  ///   - columns: columns of every panel.
  ///   - y: the first output, [tokens][rows], `stride` elements from token to token.
  ///   - stride: see `y`.
  ///   - adding: whether to add to y or to overwrite it.
  func product(
    _ x: UnsafePointer<Float>, tokens: Int, _ weights: UnsafePointer<Float>, rows: Int, columns: Int,
    into y: UnsafeMutablePointer<Float>, stride: Int, adding: Bool
  ) {
    level.product(x, tokens, weights, rows, columns, y, stride, adding ? 1 : 0)
  }

  /// c = a b, or c += a b, for a [m, k], b [k, n] and c [m, n]; see `ops/dense.h`.
  package func dense(
    _ a: MatrixPart, _ b: MatrixPart, into c: UnsafeMutablePointer<Float>, stride: Int, m: Int, n: Int, k: Int,
    accumulate: Bool
  ) {
    level.dense_f32(a.start, a.stride, b.start, b.stride, c, stride, m, n, k, accumulate ? 1 : 0)
  }

  /// One token of the gated delta rule on a memory of [keys, values]; see `ops/delta.h`.
  ///
  /// - Parameters:
  ///   - memory: S, which becomes kept S + k d^T, where d = (v - kept S^T k) rate.
  ///   - keys: rows of the memory, and elements of `k` and `q`.
  ///   - values: columns of the memory, and elements of `v` and `o`.
  ///   - k: the key.
  ///   - q: the query.
  ///   - v: the value.
  ///   - kept: what is left of the memory.
  ///   - rate: how much of what is wrong is corrected.
  ///   - o: becomes S^T q of the new memory.
  package func deltaStep(
    _ memory: UnsafeMutablePointer<Float>, keys: Int, values: Int, k: UnsafePointer<Float>, q: UnsafePointer<Float>,
    v: UnsafePointer<Float>, kept: Float, rate: Float, into o: UnsafeMutablePointer<Float>
  ) {
    level.delta_step_f32(memory, keys, values, k, q, v, kept, rate, o)
  }

  /// gate <- silu(gate) * up, the middle of a gated feed-forward layer.
  package func siluProduct(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int) {
    level.silu_product_f32(gate, up, count)
  }

  /// x <- x * silu(gate), the output gate of the delta net.
  package func multiply(_ x: UnsafeMutablePointer<Float>, bySiluOf gate: UnsafePointer<Float>, count: Int) {
    level.silu_gate_f32(x, gate, count)
  }

  /// x <- x * sigmoid(gate), the output gate of attention.
  package func multiply(_ x: UnsafeMutablePointer<Float>, bySigmoidOf gate: UnsafePointer<Float>, count: Int) {
    level.sigmoid_gate_f32(x, gate, count)
  }

  /// x <- x * factor * weight.
  package func scale(_ x: UnsafeMutablePointer<Float>, by factor: Float, and weight: UnsafePointer<Float>, count: Int) {
    level.scale_f32(x, factor, weight, count)
  }

  /// y[i] += a[i] * x[i].
  package func multiplyAdd(
    _ a: UnsafePointer<Float>, _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    level.multiply_add_f32(a, x, y, count)
  }

  /// The largest element; -infinity for none.
  package func maximum(_ x: UnsafePointer<Float>, count: Int) -> Float { level.max_f32(x, count) }

  /// x <- e^(x - shift); returns the sum of the results.
  package func exponentials(_ x: UnsafeMutablePointer<Float>, minus shift: Float, count: Int) -> Float {
    level.exp_shifted_f32(x, shift, count)
  }

  /// The sum of e^(x - shift), leaving x as it is.
  package func sumOfExponentials(_ x: UnsafePointer<Float>, minus shift: Float, count: Int) -> Double {
    level.sum_exp_f32(x, shift, count)
  }
}
