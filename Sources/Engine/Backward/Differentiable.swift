/// What one product with weights read and gave back in a backward pass; y = x W^T.
package struct ProductGradient {
  /// W [rows, columns]; it knows its name.
  package let weight: WeightMatrix
  /// x [T, columns].
  package let inputs: Activations
  /// The gradient at y [T, rows].
  package let atOutputs: Activations
  /// The gradient at x [T, columns] as far as it comes through this product: the one at y times W.
  package let atInputs: Activations
}

/// Sees every product with weights that a gradient goes back through.
///
/// It is called by the thread that runs the model, one product after another, with the same numbers at any number of threads. What it sees is
/// used again when it returns: whoever wants to keep it copies it.
package typealias GradientVisitor = (ProductGradient) -> Void

/// A part of a model that was run on some inputs, and the way of a gradient back through it.
package struct Pullback {
  /// What the part gives, [T, outputs]; computed when it is asked for.
  package let output: () -> Activations
  /// The gradient at the outputs, [T, outputs], to the one at the inputs, [T, inputs].
  package let backward: (_ gradient: Activations, _ visit: GradientVisitor?) -> Activations

  package init(
    output: @escaping () -> Activations, backward: @escaping (Activations, GradientVisitor?) -> Activations
  ) {
    (self.output, self.backward) = (output, backward)
  }
}

/// A language model through which gradients go back.
///
/// Nothing is kept from a forward pass but the hidden states that enter a layer: what is inside a layer is computed again. Weights have no
/// gradients of their own; a visitor sees of what they would be made.
package protocol Differentiable: LanguageModel {
  /// Runs a decoder layer on a sequence from its first token on.
  ///
  /// - Parameters:
  ///   - index: the layer.
  ///   - x: the hidden states that enter it, [T, hidden]; they stay as they are.
  ///   - turns: where all T tokens stand.
  ///   - compute: what to run on.
  /// - Returns: the hidden states behind the layer, and how a gradient there, [T, hidden], becomes one at `x`.
  func pullback(ofLayer index: Int, _ x: Activations, turns: Turns, compute: Compute) -> Pullback

  /// The gradient at what the head reads, [T, hidden], to the one at the hidden states behind the last layer, which are `hidden`, [T, hidden].
  func backwardThroughNorm(_ gradient: Activations, hidden: Activations, compute: Compute) -> Activations

  /// The gradient at logits of the whole vocabulary, [T, vocabulary], which are `logits`, to the one at what the head reads, [T, hidden].
  ///
  /// - Note: `gradient` is used up.
  func backwardThroughHead(_ gradient: Activations, logits: Activations, compute: Compute) -> Activations
}
