import Base
import Containers
import Conversion
import Quants

/// What each type would do to a tensor: the squared error of its weights, each column by how much it matters.
///
/// Σ h_j (w_ij - q_ij)² over the rows of a sample, which is the same for every type, so that ratios mean something; encoded as `quantize` would.
package struct ErrorTable: Sendable {
  /// How much each column matters, expert after expert; nil where all count alike.
  package let weights: [Float]?
  private let tensor: PlannedTensor
  private let rows: [Int]
  private let values: [Float]
  private let guide: (any EncodingGuide)?
  private let kernels: Kernels
  private let threads: Int

  /// Weights of a tensor that are looked at: more says nothing new.
  package static let sample = 1 << 18

  /// Reads the sample of a tensor.
  ///
  /// `guide` is asked for the factors that an encoder gets, `weights` are those an error counts by.
  package init(
    _ tensor: PlannedTensor, weights: [Float]?, guide: (any EncodingGuide)?, kernels: Kernels = .best,
    threads: Int = Threads.available
  ) throws(CheckpointError) {
    (self.tensor, self.weights, self.guide) = (tensor, weights, weights == nil ? nil : guide)
    (self.kernels, self.threads) = (kernels, threads)
    rows = Self.rows(of: tensor.shape)
    do throws(CheckpointError) {
      values = try TensorRows(tensor, kernels: kernels).values(of: rows, threads: threads)
    } catch {
      throw error.in(tensor: tensor.name)
    }
  }

  /// The rows of the sample: all of a small tensor, else the middles of as many equal parts.
  package static func rows(of shape: Shape) -> [Int] {
    let count = max(1, sample / max(1, shape.columns))
    guard shape.rows > count else { return Array(0..<shape.rows) }
    return (0..<count).map { (2 * $0 + 1) * shape.rows / (2 * count) }
  }

  /// The squared error of a type; infinite where the type cannot hold the weights.
  package func callAsFunction(_ type: TensorType) throws(CheckpointError) -> Double {
    if tensor.sources.allSatisfy({ $0.type == type }) { return 0 }
    let columns = tensor.shape.columns
    let codec = try RowCodec(type, kernels: kernels)
    let description = TensorDescription(name: tensor.name, type: type, shape: tensor.shape)
    let factors = type.isBlock ? try guide?.guidance(for: description) : nil
    let rowBytes = try type.byteCount(columns: columns)
    let matrixRows = tensor.shape.rank > 1 ? tensor.shape.dimensions[tensor.shape.rank - 2] : 1
    let sums = Lock([Double](repeating: 0, count: rows.count))
    try parallelRows(count: rows.count, threads: threads, grain: 4) { part throws(CheckpointError) in
      let blocks = UnsafeMutableRawBufferPointer.allocate(byteCount: rowBytes, alignment: 64)
      let decoded = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
      defer {
        blocks.deallocate()
        decoded.deallocate()
      }
      for place in part {
        let first = rows[place] / matrixRows * columns
        let sum = values.withUnsafeBufferPointer { values in
          let row = UnsafeBufferPointer(rebasing: values[place * columns..<(place + 1) * columns])
          Self.with(factors, first..<first + columns) { codec.encode(row, importance: $0, into: blocks) }
          codec.decode(UnsafeRawBufferPointer(blocks), into: decoded)
          return Self.with(weights, first..<first + columns) { Self.error(row, decoded, $0) }
        }
        sums.withLock { $0[place] = sum }
      }
    }
    let total = sums.withLock { $0.reduce(0, +) }
    return total.isFinite ? total : .infinity
  }

  private static func with<R>(
    _ values: [Float]?, _ range: Range<Int>, _ body: (UnsafeBufferPointer<Float>?) -> R
  ) -> R {
    guard let values else { return body(nil) }
    return values.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  private static func error(
    _ row: UnsafeBufferPointer<Float>, _ decoded: UnsafeMutableBufferPointer<Float>,
    _ weights: UnsafeBufferPointer<Float>?
  ) -> Double {
    var sum = 0.0
    for column in row.indices {
      let difference = Double(row[column]) - Double(decoded[column])
      sum += Double(weights?[column] ?? 1) * difference * difference
    }
    return sum
  }
}
