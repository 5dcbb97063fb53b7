import Libc

/// Where values lie along one side of a drawing.
struct Axis {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  let from: Double
  let to: Double

  /// An axis of plain numbers, with a little room at both ends.
  init(linear values: [Double], from: Double, to: Double, room: Double = 0.06) {
    let (least, largest) = (values.min() ?? 0, values.max() ?? 1)
    let reach = largest > least ? (largest - least) * room : max(abs(largest) * 0.1, 1e-9)
    self.init(low: least - reach, high: largest + reach, isLogarithmic: false, from: from, to: to)
  }

  /// An axis of powers of ten around positive values, at least a decade.
  init(logarithmic values: [Double], from: Double, to: Double, room: Double = 0.04) {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    var (least, largest) = (log10(positive.min() ?? 1e-3), log10(positive.max() ?? 1))
    if largest - least < 1 { (least, largest) = ((least + largest - 1) / 2, (least + largest + 1) / 2) }
    let reach = (largest - least) * room
    self.init(
      low: pow(10, least - reach), high: pow(10, largest + reach), isLogarithmic: true, from: from, to: to)
  }

  init(low: Double, high: Double, isLogarithmic: Bool, from: Double, to: Double) {
    self.low = low
    self.high = high
    self.isLogarithmic = isLogarithmic
    self.from = from
    self.to = to
  }

  /// The place of a value; of one beyond the axis, the end.
  func at(_ value: Double) -> Double {
    let share: Double
    if isLogarithmic {
      share = value > 0 ? (log10(value) - log10(low)) / (log10(high) - log10(low)) : 0
    } else {
      share = (value - low) / (high - low)
    }
    return from + max(0, min(1, share)) * (to - from)
  }

  /// Where to write numbers: about `count` of them.
  func ticks(_ count: Int) -> [Double] {
    if isLogarithmic {
      let (first, last) = (Int(log10(low).rounded(.up)), Int(log10(high).rounded(.down)))
      guard first <= last else { return [] }
      let step = max(1, (last - first + count - 1) / max(1, count))
      return stride(from: first, through: last, by: step).map { pow(10, Double($0)) }
    }
    let rough = (high - low) / Double(max(1, count))
    guard rough > 0, rough.isFinite else { return [] }
    let unit = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * unit }.first { $0 >= rough } ?? unit
    return Array(stride(from: (low / step).rounded(.up) * step, through: high, by: step))
  }
}

/// A drawing: scalable, in the page's colours, with words for those who do not see it.
struct Plot {
  let width: Double
  let height: Double
  private var body: HTML = ""

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  enum Anchor: String {
    case start, middle, end
  }

  private func c(_ value: Double) -> String { Shown.coordinate(value) }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: HTML) {
    body += "<line x1=\"\(c(x1))\" y1=\"\(c(y1))\" x2=\"\(c(x2))\" y2=\"\(c(y2))\" class=\"\(style)\"/>"
  }

  mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: HTML) {
    body +=
      "<rect x=\"\(c(x))\" y=\"\(c(y))\" width=\"\(c(max(0, width)))\" height=\"\(c(max(0, height)))\" class=\"\(style)\"/>"
  }

  mutating func path(_ points: [(x: Double, y: Double)], _ style: HTML) {
    guard points.count > 1 else { return }
    var text = ""
    for (place, point) in points.enumerated() { text += (place == 0 ? "M" : "L") + c(point.x) + " " + c(point.y) }
    body += "<path d=\"\(text)\" class=\"\(style)\"/>"
  }

  mutating func text(_ x: Double, _ y: Double, _ words: String, _ anchor: Anchor = .start, _ style: HTML = "") {
    body += "<text x=\"\(c(x))\" y=\"\(c(y))\" text-anchor=\"\(anchor.rawValue)\" class=\"\(style)\">\(words)</text>"
  }

  /// A number below an axis, moved so that it stays inside the drawing.
  mutating func tick(_ x: Double, _ y: Double, _ words: String) {
    let half = Double(words.count) * 3.8
    if x < half {
      text(0, y, words, .start, "tick")
    } else if x > width - half {
      text(width, y, words, .end, "tick")
    } else {
      text(x, y, words, .middle, "tick")
    }
  }

  /// A mark whose shape, like its colour, is that of the `series`.
  mutating func mark(_ x: Double, _ y: Double, series: Int, size: Double = 5.5) {
    body += "<path d=\"\(Mark.path(series, x, y, size))\" class=\"m s\(series % Mark.count)\"/>"
  }

  /// A mark of a shape of its own.
  mutating func mark(_ x: Double, _ y: Double, shape: Int, series: Int, size: Double) {
    body += "<path d=\"\(Mark.path(shape, x, y, size))\" class=\"m s\(series % Mark.count)\"/>"
  }

  /// Numbers and lines across, for an axis that runs upwards.
  mutating func rows(_ axis: Axis, across x: ClosedRange<Double>, _ count: Int, _ words: (Double) -> String) {
    for tick in axis.ticks(count) {
      let y = axis.at(tick)
      line(x.lowerBound, y, x.upperBound, y, "grid")
      text(x.lowerBound - 8, y + 4, words(tick), .end, "tick")
    }
  }

  /// Numbers and lines upwards, for an axis that runs across.
  mutating func columns(_ axis: Axis, across y: ClosedRange<Double>, _ count: Int, _ words: (Double) -> String) {
    for tick in axis.ticks(count) {
      let x = axis.at(tick)
      line(x, y.lowerBound, x, y.upperBound, "grid")
      self.tick(x, y.upperBound + 18, words(tick))
    }
  }

  func markup(title: String, description: String, style: HTML) -> HTML {
    """
    <svg viewBox="0 0 \(c(width)) \(c(height))" role="img" class="\(style)"><title>\(title)</title><desc>\(description)</desc>\
    \(body)</svg>

    """
  }

  /// The same drawing for wide and for narrow screens, of which one is shown.
  static func both(
    title: String, description: String, wide: Double = 780, _ draw: (_ width: Double, _ isNarrow: Bool) -> Plot
  ) -> HTML {
    draw(wide, false).markup(title: title, description: description, style: "wide")
      + draw(310, true).markup(title: title, description: description, style: "narrow")
  }

  /// Heights moved apart so that labels at them do not overlap, in the order given.
  static func apart(_ heights: [Double], _ gap: Double, within range: ClosedRange<Double>) -> [Double] {
    let order = heights.indices.sorted { (heights[$0], $0) < (heights[$1], $1) }
    var result = heights
    var previous = -Double.infinity
    for place in order {
      result[place] = max(heights[place], previous + gap)
      previous = result[place]
    }
    // What was pushed below the end goes up again.
    var next = range.upperBound + gap
    for place in order.reversed() {
      result[place] = min(result[place], next - gap)
      next = result[place]
    }
    return result
  }
}

/// Shapes that tell series apart where colours do not.
enum Mark {
  static let count = 8

  static func path(_ series: Int, _ x: Double, _ y: Double, _ size: Double) -> String {
    func polygon(_ points: [(Double, Double)]) -> String {
      points.enumerated().map { place, point in
        (place == 0 ? "M" : "L") + Shown.coordinate(x + point.0 * size) + " " + Shown.coordinate(y + point.1 * size)
      }.joined() + "Z"
    }
    switch series % count {
    case 0:
      let r = Shown.coordinate(size)
      return "M\(Shown.coordinate(x - size)) \(Shown.coordinate(y))a\(r) \(r) 0 1 0 \(Shown.coordinate(2 * size)) 0"
        + "a\(r) \(r) 0 1 0 \(Shown.coordinate(-2 * size)) 0Z"
    case 1: return polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
    case 2: return polygon([(0, -1.2), (1.1, 0.9), (-1.1, 0.9)])
    case 3: return polygon([(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)])
    case 4: return polygon([(0, 1.2), (1.1, -0.9), (-1.1, -0.9)])
    case 5:
      return polygon([
        (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
      ])
    case 6:
      return polygon(
        (0..<10).map { step in
          let (angle, reach) = (Double(step) * Double.pi / 5 - Double.pi / 2, step % 2 == 0 ? 1.4 : 0.6)
          return (cos(angle) * reach, sin(angle) * reach)
        })
    default: return polygon([(-1.2, 0), (-0.6, -1.05), (0.6, -1.05), (1.2, 0), (0.6, 1.05), (-0.6, 1.05)])
    }
  }
}
