/// What a divergence means to somebody who uses the model, by the upper end of its interval (docs/validation.md).
package enum FidelityLevel: String, Sendable, CaseIterable, Comparable {
  case transparent, good, usable, damaged

  /// The mean divergence below which the level is given, in nats a token.
  package var limit: Double {
    switch self {
    case .transparent: 0.002
    case .good: 0.02
    case .usable: 0.1
    case .damaged: .infinity
    }
  }

  /// Windows below which no level above `good` is given: a short test cannot earn the best grade.
  package static let fewWindows = 8

  /// The level of a mean divergence.
  init(_ divergence: Estimate, windows: Int) {
    let upper = divergence.interval?.upperBound ?? divergence.value
    let level = Self.allCases.first { upper < $0.limit } ?? .damaged
    self = windows < Self.fewWindows ? max(level, .good) : level
  }

  package static func < (a: FidelityLevel, b: FidelityLevel) -> Bool { a.limit < b.limit }
}
