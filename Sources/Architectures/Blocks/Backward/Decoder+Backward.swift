import Base
import Engine

extension Projection {
  /// The gradient at the outputs, [T, rows], to the one at the inputs `x`, [T, columns].
  func backward(
    _ gradient: Activations, of x: Activations, _ compute: Compute, _ visit: GradientVisitor?
  ) -> Activations {
    let stored = order.map { gradient.ordered($0.inverse, compute) } ?? gradient
    return compute.backward(stored, of: x, through: weight, visit)
  }
}

extension DecoderLayer {
  func pullback(_ x: Activations, turns: Turns, _ compute: Compute) -> Pullback {
    let mixing = mixer.pullback(mixerNorm(x, compute), turns: turns, compute)
    let mixed = mixing.output()
    let middle = x.copy(of: 0..<x.rows)
    middle.add(mixedNorm?(mixed, compute) ?? mixed, compute)
    let feeding = feedForward.pullback(feedForwardNorm(middle, compute), compute)
    return Pullback(
      output: {
        let (result, fed) = (middle.copy(of: 0..<x.rows), feeding.output())
        result.add(fedNorm?(fed, compute) ?? fed, compute)
        return result
      },
      backward: { gradient, visit in
        let atFed = fedNorm?.backward(gradient, of: feeding.output(), compute) ?? gradient
        let result = feedForwardNorm.backward(feeding.backward(atFed, visit), of: middle, compute)
        result.add(gradient, compute)
        let atMixed = mixedNorm?.backward(result, of: mixed, compute) ?? result
        result.add(mixerNorm.backward(mixing.backward(atMixed, visit), of: x, compute), compute)
        return result
      })
  }
}

extension Decoder: Differentiable {
  func pullback(ofLayer index: Int, _ x: Activations, turns: Turns, compute: Compute) -> Pullback {
    layers[index].pullback(x, turns: turns, compute)
  }

  func backwardThroughNorm(_ gradient: Activations, hidden: Activations, compute: Compute) -> Activations {
    norm.backward(gradient, of: hidden, compute)
  }

  func backwardThroughHead(_ gradient: Activations, logits: Activations, compute: Compute) -> Activations {
    if let softCap { gradient.backwardThroughCap(softCap, of: logits, compute) }
    return compute.backward(gradient, through: head)
  }
}
