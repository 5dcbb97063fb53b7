import Evaluation
import Base

/// Everything that `--json` prints, with what plots are drawn from and what intervals are computed from.
struct JSONReport {
  let document: OrderedJSON

  init(_ report: Report) {
    let validation = report.validation
    guard case .object(var object) = validation.json(report.failures) else {
      preconditionFailure("a validation is an object")
    }
    let after = object["after"]?.arrayValue ?? []
    object["after"] = .array(zip(after, validation.after).map { Self.completed($0, $1) })
    object["reproduce"] = Self.reproduction(report.invocation)
    document = .object(object)
  }

  private static func completed(_ document: OrderedJSON, _ result: Validation.Result) -> OrderedJSON {
    guard case .object(var object) = document else { return document }
    object["distribution"] = distribution(result.all)
    if let categories = object["categories"]?.arrayValue {
      object["categories"] = .array(
        zip(categories, result.categories).map { category, figures in
          guard case .object(var object) = category else { return category }
          object["distribution"] = distribution(figures)
          object["per_window"] = perWindow(figures.perWindow)
          return .object(object)
        })
    }
    return .object(object)
  }

  /// What the survival curve and the histogram are drawn from.
  private static func distribution(_ figures: FidelityFigures) -> OrderedJSON {
    let histogram = figures.probabilityChange.percentiles.histogram()
    return .object([
      "survival": .array(
        figures.divergence.percentiles.survival().map {
          .object(["kl_divergence": .number($0.value), "share_at_or_above": .number($0.share)])
        }),
      "probability_change_histogram": .object([
        "from": .number(-histogram.reach), "to": .number(histogram.reach),
        "counts": .array(histogram.counts.map { .integer(Int64($0)) }),
      ]),
    ])
  }

  private static func perWindow(_ means: WindowMeans) -> OrderedJSON {
    var object: OrderedObject = ["count": .array(means.counts.map { .integer(Int64($0)) })]
    for (name, values) in means.means { object[name] = .array(values.map { .number($0) }) }
    return .object(object)
  }

  private static func reproduction(_ invocation: Invocation) -> OrderedJSON {
    .object([
      "command": .array(invocation.command.map { .string($0) }), "version": .string(invocation.version),
      "kernels": .string(invocation.kernels), "machine": .string(invocation.machine), "time": .string(invocation.time),
      "files": .array(
        invocation.files.map {
          .object([
            "name": .string($0.name), "bytes": .integer(Int64(clamping: $0.bytes)), "sha256": .string($0.sha256),
          ])
        }),
    ])
  }
}
