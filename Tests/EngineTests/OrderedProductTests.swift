import Engine
import Quants
import Base
import Testing

/// Matrices whose columns are multiplied in another order than they are stored in.
struct OrderedProductTests {
  @Test(arguments: Kernels.available, [.f32, .f16, .bf16, TensorType(F64.self)] as [TensorType])
  func `every output is that of the matrix stored in the order, to the bit`(kernels: Kernels, type: TensorType) throws {
    let codec = try RowCodec(type, kernels: kernels)
    // Heads that cut through the blocks of 256 columns, and a head as long as a block of panels.
    for (heads, width, rows) in [(8, 68, 70), (12, 16, 33), (6, 96, 131)] {
      let columns = heads * width
      let order = BlockPermutation(block: width, sources: (0..<heads).map { ($0 * 5 + 3) % heads })
      let weights = MatrixProductTests.random(rows * columns, seed: 5)
      func stored(_ values: [Float]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: values.count * type.blockBytes)
        bytes.withUnsafeMutableBytes { bytes in values.withUnsafeBufferPointer { codec.encode($0, into: bytes) } }
        return bytes
      }
      let moved = (0..<rows * columns).map { weights[$0 / columns * columns + order.source(of: $0 % columns)] }
      let inOrder = try WeightMatrix(
        rows: rows, columns: columns, type: type, copying: stored(moved), kernels: kernels)
      let asStored = try WeightMatrix(
        rows: rows, columns: columns, type: type, copying: stored(weights), order: order, kernels: kernels)
      for tokens in [1, 4, 5, 60] {
        let x = MatrixProductTests.random(tokens * columns, seed: 9)
        for threads in [1, 3] {
          let product = MatrixProduct(kernels: kernels, threads: threads)
          let expected = MatrixProductTests.multiply(product, x, tokens: tokens, inOrder)
          let found = MatrixProductTests.multiply(product, x, tokens: tokens, asStored)
          try #require(found == expected, "\(kernels) \(type) [\(tokens), \(columns)] x \(rows), \(threads) threads")
        }
      }
      var row = [Float](repeating: 0, count: columns)
      row.withUnsafeMutableBufferPointer { asStored.decode(row: rows - 1, into: $0) }
      var plain = row
      plain.withUnsafeMutableBufferPointer { inOrder.decode(row: rows - 1, into: $0) }
      #expect(row == plain)
    }
  }

  @Test func `blocks have no columns that could change places`() throws {
    let order = BlockPermutation(block: 32, sources: [1, 0])
    #expect(throws: CheckpointError.self) {
      try WeightMatrix(rows: 1, columns: 64, type: .q8_0, copying: [UInt8](repeating: 0, count: 68), order: order)
    }
  }
}
