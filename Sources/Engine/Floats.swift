internal import CKernels

/// A view of floats that somebody else owns: like a pointer to the first of them, but it cannot outlive the owner, because the compiler
/// knows whose memory it is, and no kernel is handed more than the view holds.
///
/// Several views of one memory may be written through at a time; workers keep to rows of their own. Single elements are checked in debug
/// builds only. This file is the one place of the engine's row loops where the address is visible.
package struct Floats: ~Escapable {
  fileprivate let start: UnsafeMutablePointer<Float>
  /// Elements from the first one to the end of the memory.
  package let count: Int

  /// What a class owns, for as long as it is borrowed.
  @_lifetime(borrow owner)
  init<Owner: AnyObject>(_ start: UnsafeMutablePointer<Float>, count: Int, of owner: borrowing Owner) {
    self.start = start
    self.count = count
  }

  /// Memory that the caller keeps for as long as the view is used.
  @_lifetime(borrow buffer)
  package init(_ buffer: UnsafeMutableBufferPointer<Float>) {
    guard let start = buffer.baseAddress else { preconditionFailure("a view is of some memory") }
    self.start = start
    count = buffer.count
  }

  /// The numbers of an array, to be read only.
  @_lifetime(copy span)
  init(reading span: Span<Float>) {
    (start, count) = span.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { preconditionFailure("a view is of some memory") }
      return (UnsafeMutablePointer(mutating: start), buffer.count)
    }
  }

  @_lifetime(copy whole)
  private init(_ whole: borrowing Floats, from offset: Int) {
    precondition(offset >= 0 && offset <= whole.count, "a view begins inside another")
    start = whole.start + offset
    count = whole.count - offset
  }

  /// The view from an element on.
  @inline(__always) @_lifetime(copy view)
  static func + (view: borrowing Floats, offset: Int) -> Floats { Floats(view, from: offset) }

  package subscript(index: Int) -> Float {
    @inline(__always) get {
      assert(index >= 0 && index < count, "element \(index) of \(count)")
      return start[index]
    }
    @inline(__always) nonmutating set {
      assert(index >= 0 && index < count, "element \(index) of \(count)")
      start[index] = newValue
    }
  }

  /// Copies the first elements of another view.
  @inline(__always)
  func update(from other: borrowing Floats, count: Int) { lent(count).update(from: other.lent(count), count: count) }

  /// Sets the first elements.
  @inline(__always)
  func update(repeating value: Float, count: Int) { lent(count).update(repeating: value, count: count) }

  /// Reads eight floats starting `offset` elements on.
  @inline(__always)
  func lanes(_ offset: Int) -> Lanes {
    assert(offset >= 0 && offset + 8 <= count, "eight elements from \(offset) of \(count)")
    return UnsafeRawPointer(start + offset).loadUnaligned(as: Lanes.self)
  }

  /// Writes eight floats starting `offset` elements on.
  @inline(__always)
  func store(_ value: Lanes, _ offset: Int) {
    assert(offset >= 0 && offset + 8 <= count, "eight elements from \(offset) of \(count)")
    UnsafeMutableRawPointer(start + offset).storeBytes(of: value, as: Lanes.self)
  }

  /// The address, for a kernel that reads or writes so many elements before it returns.
  @inline(__always)
  fileprivate func lent(_ count: Int) -> UnsafeMutablePointer<Float> {
    precondition(count <= self.count, "\(count) elements of a view of \(self.count)")
    return start
  }
}

/// A matrix in memory: where it starts and how far apart its rows are, in elements.
package struct MatrixPart: ~Escapable {
  let start: Floats
  let stride: Int

  @_lifetime(copy start)
  package init(_ start: borrowing Floats, stride: Int) {
    self.start = copy start
    self.stride = stride
  }

  /// The rows from `row` on.
  @_lifetime(copy self)
  func from(_ row: Int) -> MatrixPart { MatrixPart(start + row * stride, stride: stride) }

  /// The address, for a kernel that uses so many rows and columns.
  @inline(__always)
  fileprivate func lent(rows: Int, columns: Int) -> UnsafeMutablePointer<Float> {
    start.lent(rows == 0 ? 0 : (rows - 1) * stride + columns)
  }
}

extension EngineKernels {
  /// The sum of a[i] * b[i], over 32 partial sums.
  package func dot(_ a: Floats, _ b: Floats, count: Int) -> Float {
    level.dot_f32(a.lent(count), b.lent(count), count)
  }

  /// Adds scale * x[i] to y[i].
  package func addScaled(
    _ x: Floats, by scale: Float, to y: Floats, count: Int
  ) {
    level.axpy_f32(scale, x.lent(count), y.lent(count), count)
  }

  /// x / (1 + e^-x) of each element; `to` may be `from`.
  package func silu(_ from: Floats, into to: Floats, count: Int) {
    level.silu_f32(from.lent(count), to.lent(count), count)
  }

  /// c = a b, or c += a b, for a [m, k], b [k, n] and c [m, n]; see `ops/dense.h`.
  package func dense(
    _ a: MatrixPart, _ b: MatrixPart, into c: Floats, stride: Int, m: Int, n: Int, k: Int,
    accumulate: Bool
  ) {
    level.dense_f32(
      a.lent(rows: m, columns: k), a.stride, b.lent(rows: k, columns: n), b.stride,
      MatrixPart(c, stride: stride).lent(rows: m, columns: n), stride, m, n, k, accumulate ? 1 : 0)
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
    _ memory: Floats, keys: Int, values: Int, k: Floats, q: Floats,
    v: Floats, kept: Float, rate: Float, into o: Floats
  ) {
    level.delta_step_f32(
      memory.lent(keys * values), keys, values, k.lent(keys), q.lent(keys), v.lent(values), kept, rate, o.lent(values))
  }

  /// gate <- silu(gate) * up, the middle of a gated feed-forward layer.
  package func siluProduct(gate: Floats, up: Floats, count: Int) {
    level.silu_product_f32(gate.lent(count), up.lent(count), count)
  }

  /// x <- x * silu(gate), the output gate of the delta net.
  package func multiply(_ x: Floats, bySiluOf gate: Floats, count: Int) {
    level.silu_gate_f32(x.lent(count), gate.lent(count), count)
  }

  /// x <- x * sigmoid(gate), the output gate of attention.
  package func multiply(_ x: Floats, bySigmoidOf gate: Floats, count: Int) {
    level.sigmoid_gate_f32(x.lent(count), gate.lent(count), count)
  }

  /// x <- x * factor * weight.
  package func scale(_ x: Floats, by factor: Float, and weight: Floats, count: Int) {
    level.scale_f32(x.lent(count), factor, weight.lent(count), count)
  }

  /// The numbers of a row, whole blocks, as a product takes them; `to` may be the row itself.
  package func round(_ from: Floats, as rounding: ActivationRounding, into to: Floats, count: Int) {
    precondition(count % rounding.block == 0, "whole blocks are rounded")
    switch rounding {
    case .bf16: level.round_bf16(from.lent(count), to.lent(count), count)
    case .f16: level.round_f16(from.lent(count), to.lent(count), count)
    case .q8_0: level.round_q8_0(from.lent(count), to.lent(count), count)
    case .q8_k: level.round_q8_k(from.lent(count), to.lent(count), count)
    }
  }

  /// y[i] += a[i] * x[i].
  package func multiplyAdd(
    _ a: Floats, _ x: Floats, to y: Floats, count: Int
  ) {
    level.multiply_add_f32(a.lent(count), x.lent(count), y.lent(count), count)
  }

  /// The largest element; -infinity for none.
  package func maximum(_ x: Floats, count: Int) -> Float { level.max_f32(x.lent(count), count) }

  /// x <- e^(x - shift); returns the sum of the results.
  package func exponentials(_ x: Floats, minus shift: Float, count: Int) -> Float {
    level.exp_shifted_f32(x.lent(count), shift, count)
  }

  /// The sum of e^(x - shift), leaving x as it is.
  package func sumOfExponentials(_ x: Floats, minus shift: Float, count: Int) -> Double {
    level.sum_exp_f32(x.lent(count), shift, count)
  }

  /// The sum of e^(x - shift) in double precision.
  package func sumOfExponentials(_ x: Floats, minus shift: Double, count: Int) -> Double {
    level.sum_exp_f64(x.lent(count), shift, count)
  }

  /// Compares the distributions of two rows of logits; `…LogSum` is ln Σ e^logit of the row.
  package func divergence(
    before: Floats, _ beforeLogSum: Double, after: Floats, _ afterLogSum: Double, count: Int
  ) -> RowDivergence {
    var sums = [Double](repeating: 0, count: 5)
    sums.withUnsafeMutableBufferPointer { sums in
      guard let five = sums.baseAddress else { return }
      level.divergence_f64(before.lent(count), beforeLogSum, after.lent(count), afterLogSum, count, five)
    }
    return RowDivergence(
      forward: sums[0], backward: sums[1], jensenShannon: sums[2], variation: sums[3], entropy: sums[4])
  }

  /// The transpose of up to `tokenBlock` rows as they are packed for products; see ``packTokens(_:stride:tokens:columns:into:)``.
  func packTokens(_ x: MatrixPart, tokens: Int, columns: Int, into panel: Floats) {
    packTokens(
      x.lent(rows: tokens, columns: columns), stride: x.stride, tokens: tokens, columns: columns,
      into: panel.lent(tokens * columns))
  }
}
