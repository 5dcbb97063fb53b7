internal import CKernels
import Quants

/// The engine's loops as compiled for one instruction set.
///
/// Lengths are in elements. Here are the packed products, whose pointers must be valid for the length of the call; what works on rows
/// of a matrix takes views and is in `Floats.swift`. Levels with a fused multiply-add all give the same bits.
package struct EngineKernels: @unchecked Sendable {  // the table is constant data
  private let table: UnsafePointer<ck_kernels>
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
    table = ck_kernels_at(kernels.index)
    tokenBlock = table.pointee.token_block
    rowBlock = table.pointee.row_block
    peakWidth = table.pointee.peak_width
  }

  var level: ck_kernels { _read { yield table.pointee } }

  /// Runs the register-only multiply-add loop and returns a number that depends on all of it.
  package func multiplyAddPeak(iterations: Int) -> Float {
    level.fma_peak(iterations)
  }

  /// Reads memory as fast as it comes and returns a number that depends on all of it: 0 when all of it is.
  package func readPeak(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    bytes.baseAddress.map { level.read_peak($0, bytes.count) } ?? 0
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

  /// Cuts a token into digits, `FormatKernels.digitBytes` for every `digitColumns` columns; columns are a multiple of 32.
  package func makeDigits(_ x: UnsafePointer<Float>, columns: Int, into digits: UnsafeMutableRawPointer) {
    level.make_digits(x, columns, digits.assumingMemoryBound(to: ck_stretch.self))
  }

  /// One stretch of columns of y = x W^T over packed panels; see `ops/product.h`.
  ///
  /// - Parameters:
  ///   - x: token panels.
  ///   - tokens: tokens in them.
  ///   - weights: row panels.
  ///   - rows: rows in them.
  ///   - columns: columns of every panel.
  ///   - before: what earlier stretches gave, [tokens][rows], `beforeStride` elements from token to token; nil at the first.
  ///   - beforeStride: see `before`.
  ///   - y: the first output, [tokens][rows], `stride` elements from token to token; it may be `before`.
  ///   - stride: see `y`.
  func product(
    _ x: UnsafePointer<Float>, tokens: Int, _ weights: UnsafePointer<Float>, rows: Int, columns: Int,
    addingTo before: UnsafePointer<Float>?, stride beforeStride: Int, into y: UnsafeMutablePointer<Float>, stride: Int
  ) {
    level.product(x, tokens, weights, rows, columns, before, beforeStride, y, stride)
  }
}
