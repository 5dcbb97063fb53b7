import Base

extension ComparedPicture {
  var json: OrderedJSON {
    .object([
      "name": .string(name), "sha256": .string(sha256), "width": .integer(Int64(width)),
      "height": .integer(Int64(height)), "prompt": .string(prompt), "answer": .string(answer),
      "answer_tokens": .array(answerTokens.map { .string($0) }), "log_loss": .array(logLoss.map { .number($0) }),
      "caption": caption.map { .string($0) } ?? .null, "picture_information": .number(information),
    ])
  }
}

extension PictureFidelity {
  /// The figures over all pictures.
  var json: OrderedJSON {
    .object([
      "kl_divergence": divergence.json, "kl_divergence_per_picture": divergencePerPicture.json,
      "reverse_kl_divergence": reverseDivergence.json, "top1_agreement": top1Agreement.json, "answer_nll": logLoss.json,
      "answer_nll_before": logLossBefore.json, "sight_lost": sightLost.map { .number($0) } ?? .null,
      "answers": .integer(Int64(pictures.count)), "same_answers": .integer(Int64(sameAnswers)),
      "least_cosine": leastCosine.map { .number($0) } ?? .null, "vision": .string(encoder),
      "captions": captions?.json ?? .null, "level": .string(level.rawValue),
      "alarms": .array(alarms.map { .string($0) }),
    ])
  }

  /// Picture by picture.
  func images(_ shown: [ComparedPicture]) -> OrderedJSON {
    .array(zip(shown, pictures).map { .object($1.members(of: $0)) })
  }
}

extension PictureFidelity.Attribution {
  var json: OrderedJSON {
    .object([
      "text": text.json, "vision": vision.json, "both": both.json, "interaction": .number(interaction),
    ])
  }
}

extension PictureFidelity.Captions {
  fileprivate var json: OrderedJSON {
    .object([
      "count": .integer(Int64(count)), "exact_before": .integer(Int64(exactBefore)),
      "exact_after": .integer(Int64(exactAfter)), "nll_before": logLossBefore.json, "nll_after": logLossAfter.json,
      "nll_increase": logLossIncrease.json,
    ])
  }
}

extension PictureFidelity.Answer {
  fileprivate func members(of picture: ComparedPicture) -> OrderedObject {
    [
      "name": .string(picture.name), "prompt": .string(picture.prompt), "answer": .string(answer),
      "same_answer": .bool(isSame), "first_difference": .integer(Int64(firstDifference)),
      "kl_divergence": .number(divergence.reduce(0, +) / Double(divergence.count)),
      "kl_divergence_max": .number(divergence.max() ?? 0), "reverse_kl_divergence": .number(meanReverseDivergence),
      "top1_agreement": .number(top1Agreement), "kl_divergence_per_token": .array(divergence.map { .number($0) }),
      "log_loss": .array(logLoss.map { .number($0) }), "embedding": embedding?.json ?? .null,
    ]
  }
}

extension RowDifference {
  fileprivate var json: OrderedJSON {
    .object([
      "cosine_min": .number(leastCosine), "cosine_mean": .number(meanCosine), "relative_error": .number(relativeError),
      "relative_error_mean": .number(meanError), "relative_error_max": .number(largestError),
    ])
  }
}
