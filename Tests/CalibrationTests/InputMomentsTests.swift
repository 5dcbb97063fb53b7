import Base
import Calibration
import Engine
import Testing

@Suite struct InputMomentsTests {
  @Test("Sums of products are those of plain arithmetic, to the bit at any number of threads")
  func sums() throws {
    let (tokens, columns) = (37, 300)
    let inputs = Activations(
      rows: tokens, columns: columns, (0..<tokens * columns).map { Float(($0 &* 7919) % 1013) / 500 - 1 })
    let one = InputMoments(columns: columns)
    let three = InputMoments(columns: columns)
    for moments in [(one, 1), (three, 3)] {
      let compute = Compute(threads: moments.1)
      try moments.0.add(inputs.copy(of: 0..<20), compute)
      try moments.0.add(inputs.copy(of: 20..<tokens), compute)
    }
    #expect(one.tokens == tokens)
    #expect(one.sums.values == three.sums.values)
    for (i, j) in [(0, 0), (1, 0), (0, 299), (299, 1), (255, 256), (256, 255), (299, 299)] {
      let exact = (0..<tokens).reduce(0.0) { $0 + Double(inputs[$1, i]) * Double(inputs[$1, j]) }
      #expect(abs(Double(one.sums[i, j]) - exact) < 1e-4)
      #expect(one.sums[i, j] == one.sums[j, i])
    }
  }
}
