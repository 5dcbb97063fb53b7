/// How a router chooses experts for a token, and how much each of them counts.
package struct ExpertRouting: Sendable, Equatable {
  /// What the chosen experts weigh; in each case they are those of the largest logits.
  package enum Weights: Sendable {
    /// Their shares of a softmax over all experts.
    case shares
    /// These shares, divided by their sum.
    case normalizedShares
    /// A softmax over the chosen ones alone.
    case chosenAlone
  }

  /// Experts there are.
  package let count: Int
  /// Experts of a token.
  package let used: Int
  package let weights: Weights

  /// - Precondition: at least one expert of a token, and no more than there are.
  package init(count: Int, used: Int, weights: Weights) {
    precondition(used > 0 && used <= count, "\(used) of \(count) experts")
    (self.count, self.used, self.weights) = (count, used, weights)
  }

  /// Chooses for each row of a router's logits, [T, experts]; of equal logits the expert that comes first.
  package func callAsFunction(_ logits: Activations) -> ExpertChoice {
    precondition(logits.columns == count, "a logit for each expert")
    var choice = ExpertChoice(experts: count)
    for t in 0..<logits.rows {
      let row = logits.row(t)
      let chosen = largest(row)
      for (expert, weight) in zip(chosen, shares(of: chosen, row)) { choice.add(token: t, weight, to: expert) }
    }
    return choice
  }

  /// The experts of the largest logits, in falling order; NaN is never larger.
  private func largest(_ logits: [Float]) -> [Int] {
    var chosen: [Int] = []
    var isFree = [Bool](repeating: true, count: count)
    for _ in 0..<used {
      var best: Int?
      for expert in 0..<count where isFree[expert] {
        if let known = best, !(logits[expert] > logits[known]) { continue }
        best = expert
      }
      guard let best else { break }
      isFree[best] = false
      chosen.append(best)
    }
    return chosen
  }

  private func shares(of chosen: [Int], _ logits: [Float]) -> [Float] {
    let shift = logits[chosen[0]]
    var exponentials = chosen.map { Exponential.accurate(logits[$0] - shift) }
    switch weights {
    case .chosenAlone: break
    case .shares, .normalizedShares:
      let sum = logits.reduce(Float(0)) { $0 + Exponential.accurate($1 - shift) }
      exponentials = exponentials.map { $0 / sum }
      if weights == .shares { return exponentials }
    }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }
}

/// Which tokens of a batch each expert has to see.
package struct ExpertChoice: Sendable, Equatable {
  /// Of each expert its tokens, rows of the batch in rising order.
  package private(set) var tokens: [[Int]]
  /// Of each expert, what its answers weigh for these tokens.
  package private(set) var weights: [[Float]]

  init(experts: Int) {
    tokens = [[Int]](repeating: [], count: experts)
    weights = [[Float]](repeating: [], count: experts)
  }

  mutating func add(token: Int, _ weight: Float, to expert: Int) {
    tokens[expert].append(token)
    weights[expert].append(weight)
  }
}
