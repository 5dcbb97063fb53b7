/// A causal convolution along time in which every channel has its own few weights, followed by silu.
///
/// c[t, ch] = silu(sum over j of w[ch, j] * x[t - (width - 1) + j, ch]), with zeros before the first token.
package struct CausalConvolution: Sendable {
  package let channels: Int
  package let width: Int
  /// [width, channels], so that neighbouring channels are neighbours in memory.
  let taps: [Float]

  /// `weight` is [channels, width], row by row, as checkpoints store it.
  package init(channels: Int, width: Int, weight: [Float]) {
    precondition(weight.count == channels * width, "\(width) weights for each channel")
    self.channels = channels
    self.width = width
    var taps = [Float](repeating: 0, count: weight.count)
    for channel in 0..<channels {
      for j in 0..<width { taps[j * channels + channel] = weight[channel * width + j] }
    }
    self.taps = taps
  }

  /// Convolves `x`, [T, channels], after the last width - 1 inputs in `history`, [width - 1, channels], which moves on.
  package func callAsFunction(_ x: Activations, history: Activations, _ compute: Compute) -> Activations {
    precondition(x.columns == channels && history.columns == channels && history.rows == width - 1)
    let past = width - 1
    let result = Activations(rows: x.rows, columns: channels)
    compute.each(x.rows, grain: 16) { part in
      for t in part {
        let out = result.base + t * channels
        out.update(repeating: 0, count: channels)
        let taps = Floats(reading: taps.span)
        for j in 0..<width {
          let source = t - past + j  // below zero: before this call
          let row = source >= 0 ? x.base + source * channels : history.base + (past + source) * channels
          compute.kernels.multiplyAdd(taps + j * channels, row, to: out, count: channels)
        }
        compute.kernels.silu(out, into: out, count: channels)
      }
    }
    // The newest `past` inputs, some of them possibly older than this call.
    for place in 0..<past {
      let source = x.rows - past + place
      let row = source >= 0 ? x.base + source * channels : history.base + (past + source) * channels
      (history.base + place * channels).update(from: row, count: channels)
    }
    return result
  }
}
