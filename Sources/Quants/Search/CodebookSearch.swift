/// Rounds groups of weights to a codebook of magnitudes, signs apart: what IQ2 and IQ3 formats share.
///
/// The number `n` of a point stands for the magnitude `2n + 1`, in units of the group's scale.
struct CodebookSearch: ~Copyable {
  /// What the formats do differently.
  struct Rule {
    let codebook: Codebook
    /// Weights in a group.
    let group: Int
    /// Groups whose largest magnitude is below this have no scale.
    let smallest: Float
    /// Scales are tried from `-tries` to `tries` times `step` around the one that puts the largest magnitude on top.
    let tries: Int
    let step: Float
    /// Whether an even number of weights of eight is negative: then only seven signs are stored.
    var isParityEven = false
    /// Whether tries are centred on a fitted scale instead of the largest magnitude.
    var isCentreFitted = false
    /// What the last pass rounds again, by the fitted scale.
    var refinement = Refinement.emptyCells
  }

  /// Which runs of a group are rounded once more when its scale is known.
  enum Refinement {
    /// Those that fell into an empty cell.
    case emptyCells
    /// All, if any fell into an empty cell or no try was good.
    case allIfAnyEmpty
    /// All.
    case all
  }

  let rule: Rule
  /// The result: each run's point.
  let points: Scratch<UInt16>
  /// The result: each eight weights' signs, bit `i` set where weight `i` is negative.
  let signs: Scratch<UInt8>
  /// How much each error counts; set before ``run(_:)``.
  let factors: Scratch<Float>
  private let roots: Scratch<Float>
  private let magnitudes: Scratch<Float>
  private let numbers: Scratch<UInt8>
  private let trial: Scratch<UInt8>
  private let isPoint: Scratch<Bool>
  private let isTrialPoint: Scratch<Bool>

  init(_ rule: Rule) {
    self.rule = rule
    let runs = rule.group / rule.codebook.digits
    points = Scratch(runs, 0)
    signs = Scratch(rule.group / 8, 0)
    factors = Scratch(rule.group, 0)
    roots = Scratch(rule.group, 0)
    magnitudes = Scratch(rule.group, 0)
    numbers = Scratch(rule.group, 0)
    trial = Scratch(rule.group, 0)
    isPoint = Scratch(runs, true)
    isTrialPoint = Scratch(runs, true)
  }

  /// Rounds one group.
  ///
  /// - Returns: its scale, never negative; nil when the group is too small for one, and then there are no points.
  func run(_ x: UnsafeBufferPointer<Float>) -> Float? {
    split(x)
    for i in 0..<rule.group { roots[i] = factors[i].squareRoot() }
    var largest = magnitudes[0]
    for i in 1..<rule.group { largest = largest > magnitudes[i] ? largest : magnitudes[i] }
    guard largest >= rule.smallest else { return nil }
    let highest = Float(2 * rule.codebook.levels - 1)
    var scale = largest / highest
    numbers.buffer.update(repeating: 0)
    isPoint.buffer.update(repeating: rule.refinement == .emptyCells)
    if rule.isCentreFitted {
      let levels = Int32(truncatingIfNeeded: rule.codebook.levels)
      scale = PositiveScale.search(
        magnitudes.slice(0, rule.group), factors: factors.slice(0, rule.group), limit: levels + 1,
        numbers: numbers.buffer)
      largest = scale * Float(levels)
      guard largest > 0 else { return nil }
    }
    var best: Float = 0
    for attempt in -rule.tries...rule.tries {
      let inverse = (highest + Float(attempt) * rule.step) / largest
      for run in points.buffer.indices {
        isTrialPoint[run] = round(run, inverse: inverse, scale: 1 / inverse, into: trial)
      }
      let fit = sums(trial)
      if fit.squares > 0 && fit.products * fit.products > best * fit.squares {
        scale = fit.products / fit.squares
        best = scale * fit.products
        _ = numbers.buffer.update(fromContentsOf: trial.buffer)
        _ = isPoint.buffer.update(fromContentsOf: isTrialPoint.buffer)
      }
    }
    if (rule.refinement == .all || isPoint.buffer.contains(false)) && scale > 0 {
      let inverse = 1 / scale
      for run in points.buffer.indices where rule.refinement != .emptyCells || !isPoint[run] {
        _ = round(run, inverse: inverse, scale: scale, into: numbers)
      }
      let fit = sums(numbers)
      if fit.squares > 0 { scale = fit.products / fit.squares }
    }
    if scale < 0 {
      scale = -scale
      for i in signs.buffer.indices { signs[i] = ~signs[i] & (rule.isParityEven ? 127 : 255) }
    }
    for run in points.buffer.indices {
      let point = rule.codebook.point(rule.codebook.cell(self.run(run, of: numbers))) ?? 0
      points[run] = UInt16(truncatingIfNeeded: point)
    }
    return scale
  }

  /// Splits weights into signs and magnitudes.
  ///
  /// Where the number of negative weights must be even, the one that matters least changes its sign: its magnitude
  /// becomes negative.
  private func split(_ x: UnsafeBufferPointer<Float>) {
    for byte in signs.buffer.indices {
      var bits: UInt8 = 0
      for i in 0..<8 {
        let weight = x[byte * 8 + i]
        magnitudes[byte * 8 + i] = weight >= 0 ? weight : -weight
        if !(weight >= 0) { bits |= 1 << UInt8(truncatingIfNeeded: i) }
      }
      if rule.isParityEven {
        if bits.nonzeroBitCount % 2 == 1 {
          var least = 0
          var smallest = factors[byte * 8] * x[byte * 8] * x[byte * 8]
          for i in 1..<8 {
            let matter = factors[byte * 8 + i] * x[byte * 8 + i] * x[byte * 8 + i]
            if matter < smallest {
              smallest = matter
              least = i
            }
          }
          magnitudes[byte * 8 + least] = -magnitudes[byte * 8 + least]
          bits ^= 1 << UInt8(truncatingIfNeeded: least)
        }
        bits &= 127
      }
      signs[byte] = bits
    }
  }

  private func run(_ run: Int, of numbers: borrowing Scratch<UInt8>) -> UnsafeMutableBufferPointer<UInt8> {
    numbers.room(run * rule.codebook.digits, rule.codebook.digits)
  }

  /// Rounds a run of weights to a point; whether each weight rounded by itself gave one.
  private func round(_ index: Int, inverse: Float, scale: Float, into numbers: borrowing Scratch<UInt8>) -> Bool {
    let codebook = rule.codebook
    let target = run(index, of: numbers)
    let first = index * codebook.digits
    let highest = Int32(truncatingIfNeeded: codebook.levels - 1)
    for i in 0..<codebook.digits {
      let number = nearestInteger(0.5 * (inverse * magnitudes[first + i] - 1), 0, highest)
      target[i] = UInt8(truncatingIfNeeded: number)
    }
    let cell = codebook.cell(target)
    if codebook.point(cell) != nil { return true }
    let neighbours = codebook.neighbours(cell)
    var nearest = Int(neighbours[neighbours.startIndex])
    var smallest = Float.greatestFiniteMagnitude
    for neighbour in neighbours {
      let start = Int(neighbour) * codebook.digits
      var distance: Float = 0
      for i in 0..<codebook.digits {
        let difference = scale * Float(2 * codebook.numbers[start + i] + 1) - magnitudes[first + i]
        distance += roots[first + i] * difference * difference
      }
      if distance < smallest {
        smallest = distance
        nearest = Int(neighbour)
      }
    }
    for i in 0..<codebook.digits { target[i] = codebook.numbers[nearest * codebook.digits + i] }
    return false
  }

  /// The weighted sums of magnitude x value and of value x value.
  private func sums(_ numbers: borrowing Scratch<UInt8>) -> (products: Float, squares: Float) {
    var (products, squares): (Float, Float) = (0, 0)
    for i in 0..<rule.group {
      let value = Float(2 * numbers[i] + 1)
      products += factors[i] * magnitudes[i] * value
      squares += factors[i] * value * value
    }
    return (products, squares)
  }
}

/// Four-bit scales of groups under a block's scale: number `n` stands for `2n + 1` in units of `d / 31`.
enum OddScales {
  /// The number of a group's scale.
  static func number(_ scale: Float, inverse: Float, highest: Int32 = 15) -> UInt8 {
    UInt8(truncatingIfNeeded: nearestInteger(0.5 * (inverse * scale - 1), 0, highest))
  }
}

/// The eighth sign that makes the number of negative weights even, put above seven stored ones.
func withEvenParity(_ sevenSigns: UInt8) -> UInt8 {
  sevenSigns | (sevenSigns.nonzeroBitCount % 2 == 1 ? 128 : 0)
}
