import Base
import Engine

extension TriangularFactor {
  /// M H^-1 for M [R, n], some rows at a time, in place of M.
  func solve(_ matrix: Activations, _ moments: DampedMoments, _ compute: Compute) {
    let slices = PanelSlice.all(rows: matrix.rows, columns: moments.columns)
    compute.product.pool.run(count: slices.count) { item, _ in
      solve(slices[item], of: matrix, moments, compute.kernels)
    }
  }

  /// X U^T P U = M: first Y U = M from the last block up, then X U^T = Y P^-1 from the first block down.
  private func solve(_ slice: PanelSlice, of matrix: Activations, _ moments: DampedMoments, _ kernels: EngineKernels) {
    let (lanes, block) = (PanelSlice.lanes, DampedMoments.block)
    let work = Room<Float>(slice.count, 0)
    let solved = Room<Float>(block * lanes, 0)
    let turned = Room<Float>(block * block, 0)
    let tile = Room<Float>(EngineKernels.tileRows * block, 0)
    let (x, y) = (work.base, solved.base)
    for panel in 0..<slice.panels { slice.load(panel, 0..<slice.columns, of: matrix, into: x + slice.place(panel, 0)) }
    func apply(_ square: UnsafePointer<Float>, _ columns: Range<Int>) {
      let width = columns.count
      for panel in 0..<slice.panels {
        let place = x + slice.place(panel, columns.lowerBound)
        y.update(repeating: 0, count: width * lanes)
        kernels.panelProduct(square, stride: width, place, into: y, m: width, k: width)
        place.update(from: y, count: width * lanes)
      }
    }
    for (number, columns) in moments.blocks.enumerated().reversed() {
      let width = columns.count
      inverses[number].withElements { inverse in
        for i in 0..<width {
          for j in 0..<width { turned.base[i * width + j] = inverse[j * width + i] }
        }
      }
      apply(turned.base, columns)
      stripes[number].withElements { stripe in
        kernels.addProducts(
          0..<columns.lowerBound, width: width, slice, tile: tile.base,
          fill: { row, to in for k in 0..<width { to[k] = -stripe[k * columns.upperBound + row] } },
          b: { UnsafePointer(x + slice.place($0, columns.lowerBound)) }, into: { x + slice.place($0, 0) })
      }
    }
    for panel in 0..<slice.panels {
      let place = x + slice.place(panel, 0)
      for column in 0..<slice.columns {
        for lane in 0..<lanes { place[column * lanes + lane] /= pivots[column] }
      }
    }
    for (number, columns) in moments.blocks.enumerated() {
      inverses[number].withElements { inverse in
        guard let base = inverse.baseAddress else { return }
        apply(base, columns)
      }
      spread(columns, slice, tile.base, kernels, sign: -1, b: x, into: x)
    }
    store(slice, x, in: matrix)
  }

  /// Adds U[after, block] b[block] to the columns behind a block, or subtracts it.
  func spread(
    _ block: Range<Int>, _ slice: PanelSlice, _ tile: UnsafeMutablePointer<Float>, _ kernels: EngineKernels,
    sign: Float, b: UnsafeMutablePointer<Float>, into c: UnsafeMutablePointer<Float>
  ) {
    kernels.addProducts(
      block.upperBound..<slice.columns, width: block.count, slice, tile: tile,
      fill: { row, to in
        let (number, inside) = row.quotientAndRemainder(dividingBy: DampedMoments.block)
        stripes[number].withElements { stripe in
          let start = inside * stripes[number].columns + block.lowerBound
          for k in 0..<block.count { to[k] = sign * stripe[start + k] }
        }
      },
      b: { UnsafePointer(b + slice.place($0, block.lowerBound)) }, into: { c + slice.place($0, 0) })
  }

  private func store(_ slice: PanelSlice, _ panels: UnsafeMutablePointer<Float>, in matrix: Activations) {
    matrix.withElements { to in
      for panel in 0..<slice.panels {
        for (lane, row) in slice.rows(of: panel).enumerated() {
          let place = panels + slice.place(panel, 0) + lane
          for column in 0..<slice.columns { to[row * slice.columns + column] = place[column * PanelSlice.lanes] }
        }
      }
    }
  }
}
