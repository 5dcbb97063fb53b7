import Quants

/// How finely activations are kept where they meet weights; products and sums are in 32-bit floats whichever it is.
package enum Precision: String, CaseIterable, Sendable {
  /// As they are.
  case exact
  /// Rounded to bfloat16.
  case bf16
  /// Rounded as llama.cpp's CPU backend rounds them for the type of the weights, keys and values as its cache keeps them: what that
  /// program will answer.
  case deployed

  /// What becomes of the inputs of a product with weights of a type; nil for nothing.
  package func rounding(for weights: TensorType) -> ActivationRounding? {
    switch self {
    case .exact: nil
    case .bf16: .bf16
    case .deployed: .deployed(for: weights)
    }
  }

  /// What becomes of keys and values that are remembered; nil for nothing.
  var cacheRounding: ActivationRounding? { self == .deployed ? .f16 : nil }
}

/// A way in which rows of activations are rounded; `ops/round.h` has the loops.
package enum ActivationRounding: CaseIterable, Sendable {
  /// To bfloat16.
  case bf16
  /// To IEEE binary16.
  case f16
  /// Blocks of 32 to eight-bit integers with a scale in binary16: ggml's Q8_0, and Q8_1 but for the sums it keeps beside.
  case q8_0
  /// Blocks of 256 to eight-bit integers with a scale in single precision: ggml's Q8_K.
  case q8_k

  /// Numbers that are rounded together.
  package var block: Int {
    switch self {
    case .bf16, .f16: 1
    case .q8_0: 32
    case .q8_k: 256
    }
  }

  /// What ggml's CPU backend multiplies weights of a type by (`vec_dot_type`); nil where that is as fine as here, or where it has no
  /// such weights.
  fileprivate static func deployed(for weights: TensorType) -> ActivationRounding? {
    switch weights {
    case .f16: .f16
    case .bf16: .bf16
    case let type where type.isBlock: type.blockElements == q8_k.block ? .q8_k : .q8_0
    default: nil
    }
  }

  /// A row written out in Swift, to the bit: what tests hold every level against.
  package func plain(_ row: [Float]) -> [Float] {
    switch self {
    case .bf16: row.map { HalfPrecision.float(bf16: HalfPrecision.bf16($0)) }
    case .f16: row.map { HalfPrecision.float(f16: HalfPrecision.f16($0)) }
    case .q8_0, .q8_k:
      stride(from: 0, to: row.count, by: block).flatMap { plain(block: row[$0..<$0 + block]) }
    }
  }

  private func plain(block: ArraySlice<Float>) -> [Float] {
    let largest = block.reduce(0) { a, b in a.isNaN || abs(b) <= a ? a : abs(b) }
    var factor = 127 / largest
    let scale = self == .q8_k ? 1 / factor : HalfPrecision.float(f16: HalfPrecision.f16(largest / 127))
    if scale == 0 { factor = 0 }
    return block.map { value in
      // Far below 2^22, where adding this and taking it away leaves the nearest integer, ties to even.
      let shifter: Float = 0x1.8p23
      return (value * factor + shifter - shifter) * scale
    }
  }
}
