import Base
import Engine
import Quants

/// The matrix product per type of weights: many tokens against the arithmetic peak, one token against memory.
struct ProductBench {
  let context: BenchContext

  private static let types: [TensorType] = [.f32, .bf16, .f16, .q8_0, .q4_0]
  private static let shapes: [(columns: Int, rows: Int)] = [(1024, 4096), (4096, 1024)]

  func run(_ wants: (String) -> Bool, _ report: (BenchRow) -> Void) throws(CheckpointError) {
    for (columns, rows) in Self.shapes {
      for type in Self.types {
        let name = "product \(type) T=512 \(columns)x\(rows)"
        guard wants(name) else { continue }
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
    for type in Self.types {
      let name = "product \(type) T=1 4096x16384"
      guard wants(name) else { continue }
      let w = try Self.weights(type, rows: 16384, columns: 4096, kernels: context.kernels)
      let bytes = Double(w.byteCount)
      let reading = bytes / readSeconds(w.byteCount) * 1e-9
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

  /// The time to look at as many bytes once, on the same threads: the search for infinities among zeros.
  private func readSeconds(_ count: Int) -> Double {
    let zeros = [UInt8](repeating: 0, count: count)
    let piece = 1 << 18
    return zeros.withUnsafeBytes { bytes in
      let source = SendableBytes(bytes: bytes)
      return BenchContext.best {
        context.pool.run(count: (count + piece - 1) / piece) { item, _ in
          let part = source.bytes[item * piece..<min(count, (item + 1) * piece)]
          _ = context.kernels.firstNonFinite(.f32, UnsafeRawBufferPointer(rebasing: part))
        }
      }
    }
  }

  private struct SendableBytes: @unchecked Sendable {  // only read
    let bytes: UnsafeRawBufferPointer
  }

  /// Weights that look like weights: small numbers of both signs, the same every time.
  static func weights(
    _ type: TensorType, rows: Int, columns: Int, kernels: Kernels
  ) throws(CheckpointError) -> WeightMatrix {
    let codec = try RowCodec(type, kernels: kernels)
    let rowBytes = try type.byteCount(columns: columns)
    var bytes = [UInt8](repeating: 0, count: rows * rowBytes)
    var row = [Float](repeating: 0, count: columns)
    var state: UInt32 = 1
    bytes.withUnsafeMutableBytes { all in
      for index in 0..<rows {
        for column in 0..<columns {
          state = state &* 1_664_525 &+ 1_013_904_223
          row[column] = Float(Int32(bitPattern: state)) * 0x1p-36
        }
        row.withUnsafeBufferPointer {
          let target = all[index * rowBytes..<(index + 1) * rowBytes]
          codec.encode($0, into: UnsafeMutableRawBufferPointer(rebasing: target))
        }
      }
    }
    return try WeightMatrix(rows: rows, columns: columns, type: type, copying: bytes, kernels: kernels)
  }
}
