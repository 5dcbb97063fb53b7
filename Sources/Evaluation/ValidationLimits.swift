import Libc

/// What a model after may lose at most, each at the unfavourable end of its interval, so that a short test passes nothing by luck.
package struct ValidationLimits: Sendable {
  private let divergence: Double?
  private let agreement: Double?
  private let perplexityIncrease: Double?

  /// Limits of the mean divergence (nats a token), of the share of equal likeliest tokens, and of the rise of perplexity (0.01 is one
  /// percent); nil limits nothing.
  package init(divergence: Double?, agreement: Double?, perplexityIncrease: Double?) {
    self.divergence = divergence
    self.agreement = agreement
    self.perplexityIncrease = perplexityIncrease
  }

  /// A sentence for each limit that is exceeded, model by model; every text has to keep them, and the pictures.
  package func failures(of validation: Validation) -> [[String]] {
    validation.after.map { result in
      zip(validation.texts, result.categories).flatMap { text, figures in
        exceeded(figures).map { "\(result.model.name) on \(text.name): \($0)" }
      } + (result.pictures.map(exceeded) ?? []).map { "\(result.model.name) on pictures: \($0)" }
    }
  }

  private func exceeded(_ figures: FidelityFigures) -> [String] {
    var sentences: [String] = []
    if figures.windows < 2, divergence != nil || agreement != nil || perplexityIncrease != nil {
      return ["one window says nothing about a limit; take more of them or a longer text"]
    }
    sentences += exceeded(divergence: figures.divergence.mean, agreement: figures.top1Agreement)
    if let perplexityIncrease {
      if let rise = figures.perplexityRatio.map({ upper($0) - 1 }) {
        if rise > perplexityIncrease {
          sentences.append(
            "perplexity may rise by \(told(rise, beside: perplexityIncrease)), the limit is \(perplexityIncrease)")
        }
      } else {
        sentences.append("the rise of perplexity is not known, the limit is \(perplexityIncrease)")
      }
    }
    return sentences
  }

  /// A value with three digits, or as many as it takes to differ from the limit that it exceeds.
  private func told(_ value: Double, beside limit: Double) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let size = Int(log10(abs(value)).rounded(.down))
    for digits in 2...16 {
      let scale = pow(10, Double(digits - size))
      let rounded = (value * scale).rounded() / scale
      if rounded.isFinite, rounded != limit, (rounded > limit) == (value > limit) { return rounded }
    }
    return value
  }

  private func exceeded(_ pictures: PictureFidelity) -> [String] {
    if pictures.divergence.interval == nil, divergence != nil || agreement != nil {
      return ["one picture says nothing about a limit; show more of them"]
    }
    return exceeded(divergence: pictures.divergence, agreement: pictures.top1Agreement)
  }

  private func exceeded(divergence mean: Estimate, agreement equal: Estimate) -> [String] {
    var sentences: [String] = []
    if let divergence, upper(mean) > divergence {
      sentences.append(
        "the divergence may be \(told(upper(mean), beside: divergence)), the limit is \(divergence)")
    }
    if let agreement, lower(equal) < agreement {
      sentences.append("the agreement may be \(told(lower(equal), beside: agreement)), the limit is \(agreement)")
    }
    return sentences
  }

  private func upper(_ estimate: Estimate) -> Double { estimate.interval?.upperBound ?? estimate.value }
  private func lower(_ estimate: Estimate) -> Double { estimate.interval?.lowerBound ?? estimate.value }
}
