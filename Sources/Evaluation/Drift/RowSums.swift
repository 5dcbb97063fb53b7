import Engine

/// Sums over rows of a model before and the same rows after: what a ``RowDifference`` is made of.
struct RowSums: Sendable {
  private var all = PairSums()
  /// The relative error of every row; single precision is enough to find the middle one.
  private var errors: [Float] = []
  private var sumOfErrors = 0.0
  private var largestError = 0.0
  private var sumOfCosines = 0.0
  private var leastCosine = 1.0

  /// Takes in rows.
  mutating func add(_ before: Activations, _ after: Activations) {
    precondition(before.rows == after.rows && before.columns == after.columns, "rows of one width")
    let width = before.columns
    errors.reserveCapacity(errors.count + before.rows)
    for row in 0..<before.rows {
      let place = row * width..<(row + 1) * width
      var sums = PairSums()
      before.withElements { before in
        after.withElements { after in
          sums.add(UnsafeBufferPointer(rebasing: before[place]), UnsafeBufferPointer(rebasing: after[place]))
        }
      }
      all.add(sums)
      let (error, cosine) = (sums.relativeError, sums.cosine)
      errors.append(Float(error))
      sumOfErrors += error
      largestError = max(largestError, error)
      sumOfCosines += cosine
      leastCosine = min(leastCosine, cosine)
    }
  }

  /// Takes in the sums of the rows that follow.
  mutating func add(_ other: RowSums) {
    all.add(other.all)
    errors += other.errors
    sumOfErrors += other.sumOfErrors
    largestError = max(largestError, other.largestError)
    sumOfCosines += other.sumOfCosines
    leastCosine = min(leastCosine, other.leastCosine)
  }

  /// The figures; nil of no rows.
  var figures: RowDifference? {
    guard !errors.isEmpty else { return nil }
    let sorted = errors.sorted()
    let middle = (Double(sorted[(sorted.count - 1) / 2]) + Double(sorted[sorted.count / 2])) / 2
    let count = Double(errors.count)
    return RowDifference(
      relativeError: all.relativeError, medianError: middle, meanError: sumOfErrors / count,
      largestError: largestError, meanCosine: sumOfCosines / count, leastCosine: leastCosine)
  }
}
