extension CausalConvolution {
  /// The gradient behind the convolution of a sequence from its first token on, [T, channels], to the one at its inputs `x`, [T, channels].
  package func backward(_ gradient: Activations, of x: Activations, _ compute: Compute) -> Activations {
    precondition(x.columns == channels && gradient.columns == channels && gradient.rows == x.rows)
    let past = width - 1
    // What silu reads is computed again; then the gradient there takes its place.
    let inner = Activations(rows: x.rows, columns: channels)
    let ones = Activations(rows: x.rows, columns: channels)
    compute.each(x.rows, grain: 16) { part in
      let taps = Floats(reading: taps.span)
      for t in part {
        let out = inner.base + t * channels
        out.update(repeating: 0, count: channels)
        for j in max(0, past - t)..<width {
          compute.kernels.multiplyAdd(taps + j * channels, x.base + (t - past + j) * channels, to: out, count: channels)
        }
        (ones.base + t * channels).update(repeating: 1, count: channels)
      }
    }
    GatedProduct.silu.backward(gradient, gate: inner, up: ones, compute)
    let result = Activations(rows: x.rows, columns: channels)
    compute.each(x.rows, grain: 16) { part in
      let taps = Floats(reading: taps.span)
      for t in part {
        let out = result.base + t * channels
        out.update(repeating: 0, count: channels)
        // The output j places before the newest that still sees this input is past - j later.
        for j in max(0, past - (x.rows - 1 - t))..<width {
          compute.kernels.multiplyAdd(
            taps + j * channels, inner.base + (t + past - j) * channels, to: out, count: channels)
        }
      }
    }
    return result
  }
}
