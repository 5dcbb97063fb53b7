import Base
import Engine
import Quants

/// The matrix product per type of weights: many tokens against the arithmetic peak, one token against memory.
struct ProductBench {
  let context: BenchContext

  private static let shapes: [(columns: Int, rows: Int)] = [(1024, 4096), (4096, 1024)]

  func run(_ wants: (String) -> Bool, _ report: (BenchRow) -> Void) throws(CheckpointError) {
    for (columns, rows) in Self.shapes {
      for type in BenchWeights.types {
        let name = "product \(type) T=512 \(columns)x\(rows)"
        // The other shape says how products depend on it, for which formats that unpack into panels are enough.
        guard wants(name), rows > columns || context.kernels[type]?.unpack != nil else { continue }
        // The peak is taken beside each product, since a busy machine changes both.
        let w = try Self.weights(type, rows: rows, columns: columns, kernels: context.kernels)
        var speed = 0.0
        var peak = 0.0
        for _ in 0..<2 {
          peak = max(peak, context.peak())
          speed = max(speed, 2e-9 * Double(512 * rows * columns) / seconds(w, tokens: 512))
        }
        report(BenchRow(name, context, speed, "GFLOP/s", of: ("fma peak", peak)))
      }
    }
    for type in BenchWeights.types {
      let name = "product \(type) T=1 4096x16384"
      guard wants(name) else { continue }
      let w = try Self.weights(type, rows: 16384, columns: 4096, kernels: context.kernels)
      let bytes = Double(w.byteCount)
      let reading = context.reading(ReadMemory(byteCount: w.byteCount))
      report(
        BenchRow(name, context, bytes / seconds(w, tokens: 1) * 1e-9, "GB/s", of: ("reading memory", reading)))
    }
  }

  private func seconds(_ w: WeightMatrix, tokens: Int) -> Double {
    let product = MatrixProduct(kernels: context.kernels, pool: context.pool)
    let x = [Float](repeating: 0.01, count: tokens * w.columns)
    var y = [Float](repeating: 0, count: tokens * w.rows)
    return x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        BenchContext.best { product.multiply(x, tokens: tokens, by: w, into: y) }
      }
    }
  }

  private static func weights(
    _ type: TensorType, rows: Int, columns: Int, kernels: Kernels
  ) throws(CheckpointError) -> WeightMatrix {
    let codec = try RowCodec(type, kernels: kernels)
    var bytes = [UInt8](repeating: 0, count: rows * (try type.byteCount(columns: columns)))
    bytes.withUnsafeMutableBytes {
      BenchWeights(type, columns: columns).store(codec, columns: columns, count: rows, into: $0)
    }
    return try WeightMatrix(rows: rows, columns: columns, type: type, copying: bytes, kernels: kernels)
  }
}
