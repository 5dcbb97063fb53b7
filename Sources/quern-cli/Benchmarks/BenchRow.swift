import Base
import Quants

/// One measured speed.
package struct BenchRow: Sendable {
  /// What was measured, for example `product Q8_0 T=512 4096x1024`.
  package let name: String
  /// The kernel level.
  package let level: String
  /// Threads that worked.
  package let threads: Int
  /// The speed, the best of several rounds.
  package let value: Double
  /// `GFLOP/s`, `GB/s` or `tokens/s`.
  package let unit: String
  /// What bounds it, for example `fma peak`; nil for a bound itself.
  package let limit: String?
  /// The speed as a part of that bound.
  package let ratio: Double?
  /// The median of the rounds, where each is a run of a whole model.
  package private(set) var median: Double?
  /// What a token takes, of a whole model.
  package private(set) var work: TokenWork?

  init(_ name: String, _ context: BenchContext, _ value: Double, _ unit: String, of limit: (String, Double)? = nil) {
    self.init(name, context, value, unit, limit: limit?.0, ratio: limit.map { value / $0.1 })
  }

  /// Rounds of a whole model, given as seconds a token, and the part of a bound that the best of them reaches.
  init(
    _ name: String, _ context: BenchContext, secondsPerToken: [Double], _ work: TokenWork, of limit: (String, Double)
  ) {
    let rates = secondsPerToken.map { 1 / $0 }.sorted()
    let middle = (rates[(rates.count - 1) / 2] + rates[rates.count / 2]) / 2
    let best = rates[rates.count - 1]
    self.init(name, context, best, "tokens/s", limit: limit.0, ratio: best / limit.1)
    (median, self.work) = (middle, work)
  }

  private init(
    _ name: String, _ context: BenchContext, _ value: Double, _ unit: String, limit: String?, ratio: Double?
  ) {
    (self.name, self.value, self.unit, self.limit, self.ratio) = (name, value, unit, limit, ratio)
    level = context.kernels.name
    threads = context.pool.threads
  }
}

/// What the products of a model with its weights take for a token, on average over the tokens of a run.
///
/// Attention over earlier tokens, the delta net's state, norms and activation functions are not in it.
package struct TokenWork: Sendable, Equatable {
  /// Bytes of weights as stored: those of one product are read once for all tokens that are multiplied by them together.
  package let weightBytes: Double
  /// Multiply-adds.
  package let multiplyAdds: Double
}

/// Rows that look like weights: small numbers of both signs, the same every time.
struct BenchWeights {
  /// What can be encoded, in the order of the registry.
  static let types = QuantFormats.all.filter { $0.codec != nil }

  /// Weights that are all as important, for formats that cannot be encoded without.
  let importance: [Float]?

  init(_ type: TensorType, columns: Int) {
    importance = type.codec?.needsImportance == true ? [Float](repeating: 1, count: columns) : nil
  }

  /// Fills memory with such numbers.
  static func fill(_ floats: UnsafeMutableBufferPointer<Float>) {
    var state: UInt32 = 1
    for index in floats.indices {
      state = state &* 1_664_525 &+ 1_013_904_223
      floats[index] = Float(Int32(bitPattern: state)) * 0x1p-36
    }
  }

  /// Packs a row.
  func encode(_ row: UnsafeBufferPointer<Float>, _ codec: RowCodec, into blocks: UnsafeMutableRawBufferPointer) {
    guard let importance else { return codec.encode(row, into: blocks) }
    importance.withUnsafeBufferPointer { codec.encode(row, importance: $0, into: blocks) }
  }

  /// Fills memory with rows in a format: sixteen of them again and again, since some formats take long to encode.
  func store(_ codec: RowCodec, columns: Int, count: Int, into rows: UnsafeMutableRawBufferPointer) {
    let rowBytes = rows.count / count
    var row = [Float](repeating: 0, count: columns * 16)
    row.withUnsafeMutableBufferPointer { all in
      Self.fill(all)
      for start in stride(from: 0, to: rows.count, by: rowBytes) {
        let target = UnsafeMutableRawBufferPointer(rebasing: rows[start..<start + rowBytes])
        if start < 16 * rowBytes {
          let first = start / rowBytes * columns
          encode(UnsafeBufferPointer(rebasing: all[first..<first + columns]), codec, into: target)
        } else {
          target.copyMemory(from: UnsafeRawBufferPointer(rebasing: rows[start - 16 * rowBytes..<start - 15 * rowBytes]))
        }
      }
    }
  }
}
