import Base
import Calibration
import Engine
import Quants

/// Weights, and moments of inputs that hang together: a few sources seen through all columns, and noise of each column's own.
struct RoundingSample {
  let moments: InputMoments
  let weights: Activations

  init(_ moments: InputMoments, _ weights: Activations) { (self.moments, self.weights) = (moments, weights) }

  init(rows: Int, columns: Int) throws {
    let tokens = 1500
    let sources = Self.normal(rows: tokens, columns: 24, seed: 1)
    let mixture = Self.normal(rows: columns, columns: 24, seed: 2)
    let inputs = Self.normal(rows: tokens, columns: columns, seed: 3)
    for token in 0..<tokens {
      for column in 0..<columns {
        var sum: Float = 0.5 * inputs[token, column]
        for k in 0..<24 { sum += 0.2 * mixture[column, k] * sources[token, k] }
        // One column was never anything but zero, one is loud.
        inputs[token, column] = column == 5 ? 0 : column == 9 ? 8 * sum : sum
      }
    }
    moments = InputMoments(columns: columns)
    try moments.add(inputs, Compute(threads: 2))
    weights = Self.normal(rows: rows, columns: columns, seed: 4)
  }

  /// Numbers that look normal, the same in every run.
  static func normal(rows: Int, columns: Int, seed: UInt64) -> Activations {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    return Activations(
      rows: rows, columns: columns,
      (0..<rows * columns).map { _ in
        var sum: Float = 0
        for _ in 0..<4 {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          sum += Float(state >> 40) / Float(1 << 24) - 0.5
        }
        return sum * 1.7
      })
  }

  /// The moments with what rounding adds to their diagonal.
  func damped(_ damping: Double) -> [Double] {
    let n = moments.columns
    var h = moments.sums.values.map { Double($0) }
    let mean = (0..<n).reduce(0) { $0 + h[$1 * n + $1] } / Double(n)
    for i in 0..<n { h[i * n + i] += damping * mean + (h[i * n + i] == 0 ? mean : 0) }
    return h
  }

  /// The rows as the type's own encoder makes them, with the diagonal as importance.
  func encoded(_ type: TensorType) throws -> [UInt8] {
    let (n, h, codec) = (moments.columns, damped(0.1), try RowCodec(type))
    let importance = (0..<n).map { Float(h[$0 * n + $0] / Double(moments.tokens)) }
    let size = try type.byteCount(columns: n)
    var bytes = [UInt8](repeating: 0, count: weights.rows * size)
    for row in 0..<weights.rows {
      let values = weights.row(row)
      values.withUnsafeBufferPointer { values in
        importance.withUnsafeBufferPointer { importance in
          bytes.withUnsafeMutableBytes { bytes in
            codec.encode(
              values, importance: importance,
              into: UnsafeMutableRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size]))
          }
        }
      }
    }
    return bytes
  }

  /// (Q - W) H (Q - W)^T of each row, a mean over tokens.
  func costs(of bytes: [UInt8], _ type: TensorType) throws -> [Double] {
    let (n, h, codec) = (moments.columns, damped(0.1), try RowCodec(type))
    let size = try type.byteCount(columns: n)
    return (0..<weights.rows).map { row in
      var values = [Float](repeating: 0, count: n)
      values.withUnsafeMutableBufferPointer { values in
        bytes.withUnsafeBytes {
          codec.decode(UnsafeRawBufferPointer(rebasing: $0[row * size..<(row + 1) * size]), into: values)
        }
      }
      let errors = (0..<n).map { Double(values[$0]) - Double(weights[row, $0]) }
      return h.withUnsafeBufferPointer { h in
        var total = 0.0
        for i in 0..<n {
          var sum = 0.0
          for j in 0..<n { sum += h[i * n + j] * errors[j] }
          total += errors[i] * sum
        }
        return total / Double(moments.tokens)
      }
    }
  }
}
