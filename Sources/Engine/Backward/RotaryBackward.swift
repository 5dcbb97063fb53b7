extension RotaryEmbedding {
  /// The gradient at turned heads, [T, heads * n], to the one before they were turned, in place: turned the other way.
  package func turnBack(_ gradient: Activations, heads: Int, turns: Activations, _ compute: Compute) {
    let (width, half) = (gradient.columns / heads, dimension / 2)
    precondition(width >= dimension && turns.rows == gradient.rows)
    compute.each(gradient.rows, grain: 8) { part in
      for t in part {
        let turn = turns.base + t * turns.columns
        for head in 0..<heads {
          let g = gradient.base + t * gradient.columns + head * width
          for i in 0..<half {
            let (a, b, c, s) = (g[i], g[half + i], turn[i], turn[half + i])
            g[i] = a * c + b * s
            g[half + i] = b * c - a * s
          }
        }
      }
    }
  }
}
