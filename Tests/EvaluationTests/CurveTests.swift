import Evaluation
import Testing

/// What plots of many values are drawn from.
struct CurveTests {
  @Test func `a survival curve begins with all values and ends with the largest`() {
    let values = (0..<5_000).map { Double($0) }
    let curve = Percentiles(values).survival(points: 96)
    #expect(curve.count <= 96 && curve.first?.value == 0 && curve.first?.share == 1)
    #expect(curve.last?.value == 4_999 && curve.last?.share == 1.0 / 5_000)
    for point in curve { #expect(point.share == (5_000 - point.value) / 5_000) }
    #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.value < $1.value })
    #expect(Percentiles([3]).survival().map(\.value) == [3])
  }

  @Test func `a histogram has zero in the middle and counts all values`() {
    let values = (-300...300).map { Double($0) / 100 } + [1_000]
    let histogram = Percentiles(values).histogram(bins: 41)
    #expect(histogram.counts.reduce(0, +) == values.count && histogram.counts.count == 41)
    #expect(abs(histogram.reach - 2.95) < 0.01)
    #expect(histogram.counts[40] > histogram.counts[39], "what lies beyond is in the last")
    // Nothing changed: everything is in the middle.
    #expect(Percentiles([0, 0, 0]).histogram(bins: 5).counts == [0, 0, 3, 0, 0])
  }
}
