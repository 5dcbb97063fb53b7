extension ExpertRouting {
  /// Gradients at what chosen experts weigh, of each expert one for each of its tokens, to the one at the router's logits, [T, experts].
  ///
  /// Which experts are chosen has no gradient.
  package func backward(
    _ gradients: [[Float]], of choice: ExpertChoice, logits: Activations
  ) -> Activations {
    precondition(logits.columns == count && gradients.count == count, "a logit for each expert")
    let result = Activations(rows: logits.rows, columns: count)
    result.clear()
    // Of each token, the mean of its gradients by weight.
    var means = [Float](repeating: 0, count: logits.rows)
    for expert in 0..<count {
      for (place, t) in choice.tokens[expert].enumerated() {
        let share = choice.weights[expert][place] * gradients[expert][place]
        means[t] += share
        result[t, expert] += share
      }
    }
    switch weights {
    case .normalizedShares, .chosenAlone:
      // A softmax over the chosen ones, either way.
      for expert in 0..<count {
        for (place, t) in choice.tokens[expert].enumerated() {
          result[t, expert] -= choice.weights[expert][place] * means[t]
        }
      }
    case .shares:
      for t in 0..<logits.rows {
        let row = logits.row(t)
        let shift = row.max() ?? 0
        let exponentials = row.map { Exponential.accurate($0 - shift) }
        let sum = exponentials.reduce(0, +)
        for expert in 0..<count { result[t, expert] -= exponentials[expert] / sum * means[t] }
      }
    }
    return result
  }
}

extension Experts {
  /// Runs the experts of a choice, and the way of a gradient back through them.
  ///
  /// - Parameters:
  ///   - gradient: at the weighed sums, [T, hidden].
  ///   - x: what the experts read, [T, hidden].
  ///   - choice: who reads what.
  ///   - compute: what to run on.
  ///   - visit: sees the products of each expert, whose rows are its tokens.
  /// - Returns: the gradient at `x`, and of each expert those at what it weighs for its tokens.
  package func backward(
    _ gradient: Activations, of x: Activations, _ choice: ExpertChoice, _ compute: Compute, _ visit: GradientVisitor?
  ) -> (inputs: Activations, weights: [[Float]]) {
    let result = Activations(rows: x.rows, columns: x.columns)
    result.clear()
    var weights = [[Float]](repeating: [], count: choice.tokens.count)
    for (expert, tokens) in choice.tokens.enumerated() where !tokens.isEmpty {
      let rows = x.gather(tokens, compute)
      let (opened, up) = (
        gate(rows, expert: expert, of: x.rows, compute), self.up(rows, expert: expert, of: x.rows, compute)
      )
      let product = opened.copy(of: 0..<opened.rows)
      activation(gate: product, up: up, compute)
      let atOutput = gradient.gather(tokens, compute)
      weights[expert] = atOutput.dots(down(product, expert: expert, of: x.rows, compute), compute)
      atOutput.scaleRows(by: choice.weights[expert])
      let atProduct = compute.backward(atOutput, of: product, through: down.matrices[expert], visit)
      activation.backward(atProduct, gate: opened, up: up, compute)
      let ones = [Float](repeating: 1, count: tokens.count)
      for (side, matrices) in [(up, self.up), (opened, gate)] {
        let back = compute.backward(side, of: rows, through: matrices.matrices[expert], visit)
        result.add(back, times: ones, to: tokens, compute)
      }
    }
    return (result, weights)
  }
}

extension Activations {
  /// Multiplies each row by a factor of its own.
  fileprivate func scaleRows(by factors: [Float]) {
    for t in 0..<rows { Engine.scale(base + t * columns, by: factors[t], columns) }
  }
}
