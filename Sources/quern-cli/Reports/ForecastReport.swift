import Base
import Calibration
import Evaluation

/// What chosen types are expected to cost, as text and as JSON.
package enum ForecastReport {
  /// Every tensor with its type, its bytes and its part of the predicted divergence.
  static func table(_ forecast: TypeForecast) -> TerminalText {
    var table = Table([("tensor", .left), ("type", .left), ("bytes", .right), ("of the divergence", .right)])
    for row in forecast.rows {
      table.add([
        row.name, row.type, String(row.bytes),
        forecast.share(of: row).map { fixed($0 * 100, 2) + " %" } ?? "not known",
      ])
    }
    return [table.text, sum(forecast)].joined(separator: "\n")
  }

  /// The sum in one line.
  private static func sum(_ forecast: TypeForecast) -> TerminalText {
    let budget: TerminalText = forecast.budget.map { ", at most \(grouped($0)) bytes" } ?? ""
    let bytes = forecast.rows.reduce(UInt64(0)) { $0 + UInt64($1.bytes) }
    return
      "predicted divergence \(fixed(forecast.divergence, 6)) nats a token; \(grouped(bytes)) bytes in \(counted(forecast.rows.count, "tensor"))\(budget)"
  }

  /// What was predicted beside what was measured.
  package static func comparison(_ forecast: TypeForecast, _ validation: Validation) -> String {
    let measured = validation.after.first?.all.divergence.mean.value
    let figure = measured.map { fixed($0, 6) } ?? "unknown"
    return """
      predicted divergence \(fixed(forecast.divergence, 6)), measured \(figure) nats a token: the forecast is for ranking, and is about texts like those of the calibration and weights that are rounded one by one; \
      on other texts more is lost
      """
  }

  /// What a plan's document says beside the plan.
  static func members(_ forecast: TypeForecast) -> [(String, OrderedJSON)] {
    let types = forecast.rows.map { row in
      jsonObject([
        ("name", .string(row.name)), ("type", .string(row.type)), ("bytes", .integer(Int64(row.bytes))),
        ("predicted_divergence", row.divergence.map { .number($0) } ?? .null),
        ("share", forecast.share(of: row).map { .number($0) } ?? .null),
      ])
    }
    return [
      ("types", .array(types)), ("predicted_divergence", .number(forecast.divergence)),
      ("budget", forecast.budget.map { jsonCount($0) } ?? .null),
    ]
  }
}
