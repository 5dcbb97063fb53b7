import Evaluation
import Libc

/// Numbers as reports write them: as many digits as mean something.
enum Shown {
  /// So many significant digits; powers of ten where zeros would hide them.
  static func number(_ value: Double, _ digits: Int = 3) -> String {
    guard value.isFinite else { return "\(value)" }
    guard value != 0 else { return "0" }
    let place = exponent(value)
    guard place >= -5, place < 15 else {
      let mantissa = fixed(abs(value) / pow(10, Double(place)), max(0, min(digits, 2) - 1))
      return sign(value) + mantissa + "·10" + superscript(place)
    }
    return sign(value) + fixed(abs(value), max(0, min(12, digits - 1 - place)))
  }

  /// A value with its standard error, both to the error's second digit.
  static func estimate(_ estimate: Estimate, scale: Double = 1, digits: Int = 3) -> String {
    let value = estimate.value * scale
    guard let error = estimate.standardError.map({ $0 * scale }), error > 0, value != 0 else {
      return number(value, digits)
    }
    guard exponent(error) >= -6 else { return "\(number(value, digits)) ±\u{A0}\(number(error, 1))" }
    let places = max(0, min(9, 1 - exponent(error) - (error / pow(10, Double(exponent(error))) >= 3 ? 1 : 0)))
    return sign(value) + fixed(abs(value), places) + " ±\u{A0}" + fixed(error, places)
  }

  /// The 95 % interval.
  static func interval(_ estimate: Estimate, scale: Double = 1, digits: Int = 3) -> String {
    guard let interval = estimate.interval else { return "–" }
    return "\(number(interval.lowerBound * scale, digits)) to \(number(interval.upperBound * scale, digits))"
  }

  /// A share in percent.
  static func percent(_ value: Double, _ digits: Int = 1) -> String {
    sign(value) + fixed(abs(value) * 100, digits) + "\u{A0}%"
  }

  /// A share in percent, with its standard error.
  static func percent(_ estimate: Estimate) -> String {
    guard let error = estimate.standardError, error > 0 else {
      return fixed(estimate.value * 100, estimate.value == 1 ? 0 : 1) + "\u{A0}%"
    }
    return fixed(estimate.value * 100, 1) + " ±\u{A0}" + fixed(error * 100, 1) + "\u{A0}%"
  }

  /// A divergence; one that was estimated from part of the vocabulary says so.
  static func divergence(_ distribution: FidelityFigures.Distribution) -> String {
    (distribution.sampling == nil ? "" : "≈ ") + estimate(distribution.mean)
  }

  /// A percentile of a divergence; nothing where there are too few positions for it.
  static func percentile(_ distribution: FidelityFigures.Distribution, _ share: Double) -> String {
    let percentiles = distribution.percentiles
    if share > 0.99, percentiles.count < FidelityFigures.fewPositions { return "–" }
    return (distribution.sampling == nil ? "" : "≈ ") + number(percentiles[share])
  }

  /// A count of bytes, in one piece.
  static func size(_ bytes: UInt64) -> String {
    String(byteSize(bytes).map { $0 == " " ? "\u{A0}" : $0 })
  }

  /// A share in percent with significant digits, for shares of any size.
  static func share(_ value: Double) -> String { number(value * 100, 2) + "\u{A0}%" }

  /// A coordinate of a drawing.
  static func coordinate(_ value: Double) -> String {
    let text = fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// The power of ten that a number begins with.
  static func exponent(_ value: Double) -> Int {
    var place = Int(log10(abs(value)).rounded(.down))
    // The logarithm may be off by a bit at a power of ten.
    if pow(10, Double(place + 1)) <= abs(value) { place += 1 }
    return place
  }

  private static func sign(_ value: Double) -> String { value < 0 ? "−" : "" }

  private static func superscript(_ number: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (number < 0 ? "⁻" : "") + String(String(abs(number)).compactMap(\.wholeNumberValue).map { digits[$0] })
  }
}
