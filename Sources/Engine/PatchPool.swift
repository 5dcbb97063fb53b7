/// Means of square blocks of a square grid of patches.
package enum PatchPool {
  /// [side * side, n] to [(side / block)^2, n], both row by row of the grid.
  ///
  /// Each mean is summed in the order of the patches.
  package static func means(_ x: Activations, side: Int, block: Int, _ compute: Compute) -> Activations {
    precondition(x.rows == side * side && block > 0 && side % block == 0, "a square of whole blocks")
    let out = side / block
    let result = Activations(rows: out * out, columns: x.columns)
    compute.each(result.rows, grain: 4) { part in
      for token in part {
        let (row, column) = token.quotientAndRemainder(dividingBy: out)
        let target = result.base + token * x.columns
        target.update(repeating: 0, count: x.columns)
        for y in row * block..<(row + 1) * block {
          for place in y * side + column * block..<y * side + (column + 1) * block {
            compute.kernels.addScaled(x.base + place * x.columns, by: 1, to: target, count: x.columns)
          }
        }
        scale(target, by: 1 / Float(block * block), x.columns)
      }
    }
    return result
  }
}
