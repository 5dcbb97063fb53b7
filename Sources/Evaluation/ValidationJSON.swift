import Engine
import Base

extension Validation {
  /// The result with the keys of the command line; `failures` are the limits that each model exceeds.
  package func json(_ failures: [[String]]) -> OrderedJSON {
    .object([
      "before": .object(described),
      "after": .array(zip(after, failures).map { document($0, failures: $1) }), "texts": .array(texts.map(\.json)),
      "comparisons": .array(comparisons.map(document)), "pictures": .array(pictures.map(\.json)),
      "precision": .string(precision.rawValue), "kernels": .string(kernels), "seconds": .number(seconds),
      "definitions_version": .integer(Int64(Self.definitionsVersion)),
    ])
  }

  private func document(_ pair: ModelDifference) -> OrderedJSON {
    .object([
      "first": .string(after[pair.first].model.name), "second": .string(after[pair.second].model.name),
      "kl_divergence_difference": pair.difference.json,
      "probability": pair.probability.map { .number($0) } ?? .null, "equals": .bool(pair.areEquals),
      "better": pair.better.map { .string(after[$0].model.name) } ?? .null,
    ])
  }

  /// The model before, or what stood for it.
  private var described: OrderedObject {
    var object: OrderedObject = [
      "model": .string(before.name), "bytes": before.bytes > 0 ? .integer(Int64(clamping: before.bytes)) : .null,
      "bits_per_weight": before.bytes > 0 ? .number(before.bitsPerWeight) : .null,
      "perplexity": after.first?.all.perplexityBefore?.json ?? .null,
      "entropy": after.first.map { $0.all.entropyBefore.json } ?? .null,
    ]
    if let reference {
      object["recorded"] = .object([
        "kind": .string(reference.kind.rawValue), "file": .string(reference.file), "sha256": .string(reference.sha256),
        "entries": reference.entries.map { .integer(Int64($0)) } ?? .null,
      ])
    }
    return object
  }

  private func document(_ result: Result, failures: [String]) -> OrderedJSON {
    var object: OrderedObject = [
      "model": .string(result.model.name), "bytes": .integer(Int64(clamping: result.model.bytes)),
      "bits_per_weight": .number(result.model.bitsPerWeight),
    ]
    for (key, value) in result.all.json { object[key] = value }
    object["first_difference"] = result.firstDifference?.json ?? .null
    object["level"] = .string(result.level.rawValue)
    object["passed"] = .bool(failures.isEmpty)
    object["exceeded"] = .array(failures.map { .string($0) })
    object["categories"] = .array(
      zip(texts, result.categories).map { text, figures in
        var category: OrderedObject = ["text": .string(text.name)]
        for (key, value) in figures.json { category[key] = value }
        return .object(category)
      })
    object["alarms"] = .array(
      (result.alarms + result.all.alarms + (result.pictures?.alarms ?? [])).map { .string($0) })
    object["layers"] = .array(result.layers.map(\.json))
    object["tensors"] = .array(result.tensors.map(\.json))
    object["components"] = .array(ComponentDifference.all(result.tensors).map(\.json))
    object["pictures"] = result.pictures?.json ?? .null
    object["images"] = result.pictures?.images(pictures) ?? .array([])
    object["attribution"] = result.pictures?.attribution?.json ?? .null
    object["worst_positions"] = .array(result.worst.map { $0.document(texts) })
    return .object(object)
  }
}

extension Validation.Text {
  fileprivate var json: OrderedJSON {
    .object([
      "name": .string(name), "sha256": .string(sha256), "context": .integer(Int64(context)),
      "windows": .integer(Int64(windows)), "tokens_scored": .integer(Int64(tokens)),
      "notes": .array(notes.map { .string($0) }),
    ])
  }
}

extension Validation.WorstPosition {
  fileprivate func document(_ texts: [Validation.Text]) -> OrderedJSON {
    func tokens(_ ids: TopTokens, _ names: [String], _ probabilities: SIMD8<Float>) -> OrderedJSON {
      .array(
        zip(ids, names).enumerated().map { place, token in
          .object([
            "id": .integer(Int64(token.0)), "text": .string(token.1),
            "probability": .number(Double(probabilities[place])),
          ])
        })
    }
    return .object([
      "text": .string(texts[text].name), "window": .integer(Int64(window)), "position": .integer(Int64(position)),
      "context": .string(context), "token": .string(token), "kl_divergence": .number(comparison.divergence),
      "log_probability_before": .number(comparison.before), "log_probability_after": .number(comparison.after),
      "top5_before": tokens(comparison.topBefore, topBefore, comparison.topProbabilitiesBefore),
      "top5_after": tokens(comparison.topAfter, topAfter, comparison.topProbabilitiesAfter),
    ])
  }
}

extension FidelityFigures {
  /// The figures in the order of the contract.
  fileprivate var json: [(String, OrderedJSON)] {
    [
      ("perplexity", perplexityAfter.json), ("perplexity_ratio", perplexityRatio?.json ?? .null),
      ("kl_divergence", divergence.json), ("reverse_kl_divergence", reverseDivergence.json),
      ("js_divergence", jensenShannon?.json ?? .null), ("total_variation", totalVariation?.json ?? .null),
      ("top1_agreement", top1Agreement.json), ("top5_overlap", top5Overlap.json),
      ("probability_change", probabilityChange.change), ("rms_probability_change", rootMeanSquareChange.json),
      ("correlation", correlation.map { .number($0) } ?? .null),
      (
        "flips",
        .object([
          "right_to_wrong": .integer(Int64(flips.rightToWrong)), "wrong_to_right": .integer(Int64(flips.wrongToRight)),
          "wrong_to_other_wrong": .integer(Int64(flips.wrongToOtherWrong)),
        ])
      ),
      (
        "by_confidence",
        .array(
          byConfidence.map {
            .object([
              "from": .number($0.bounds.low), "to": .number($0.bounds.high), "share": .number($0.share),
              "kl_divergence": $0.divergence.map { .number($0) } ?? .null,
            ])
          })
      ),
      ("windows", .integer(Int64(windows))), ("alarms", .array(alarms.map { .string($0) })),
      ("level", .string(level.rawValue)),
    ]
  }
}

extension FidelityFigures.Distribution {
  private func percentile(_ share: Double) -> OrderedJSON { .number(percentiles[share]) }

  /// A divergence: its mean and its upper percentiles.
  fileprivate var json: OrderedJSON {
    var object = mean.object
    object["median"] = percentile(0.5)
    object["p90"] = percentile(0.9)
    object["p99"] = percentile(0.99)
    object["p999"] = percentiles.count < FidelityFigures.fewPositions ? .null : percentile(0.999)
    addTails(to: &object)
    object["max"] = .number(percentiles.largest)
    if let sampling {
      object["estimated"] = .bool(true)
      object["sampling_error"] = .number(sampling.standardError)
      object["lower_bound"] = .number(sampling.lowerBound)
    }
    return .object(object)
  }

  /// The intervals of the percentiles far up.
  private func addTails(to object: inout OrderedObject) {
    let isMany = percentiles.count >= FidelityFigures.fewPositions
    object["p99_interval"] = tails?[0].json ?? .null
    object["p999_interval"] = isMany ? tails?[1].json ?? .null : .null
  }

  /// A change of either sign: percentiles of both ends.
  fileprivate var change: OrderedJSON {
    var object = mean.object
    let isMany = percentiles.count >= FidelityFigures.fewPositions
    object["min"] = .number(percentiles.least)
    object["p001"] = isMany ? percentile(0.001) : .null
    for (key, share) in [("p01", 0.01), ("p05", 0.05), ("p10", 0.1), ("median", 0.5), ("p90", 0.9), ("p95", 0.95)] {
      object[key] = percentile(share)
    }
    object["p99"] = percentile(0.99)
    object["p999"] = isMany ? percentile(0.999) : .null
    addTails(to: &object)
    object["max"] = .number(percentiles.largest)
    return .object(object)
  }
}

extension Estimate {
  fileprivate var object: OrderedObject {
    [
      "value": .number(value), "standard_error": standardError.map { .number($0) } ?? .null,
      "interval": interval?.json ?? .null,
      "n": .integer(Int64(count)),
    ]
  }

  var json: OrderedJSON { .object(object) }
}

extension ClosedRange<Double> {
  fileprivate var json: OrderedJSON { .array([.number(lowerBound), .number(upperBound)]) }
}
