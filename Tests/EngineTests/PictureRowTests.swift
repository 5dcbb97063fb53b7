import Engine
import Testing

@Suite("Rows of pictures")
struct PictureRowTests {
  @Test(
    "A piece has the rows, pictures and additions that lie in it", arguments: [0..<3, 2..<8, 4..<6, 5..<12, 0..<12])
  func pieces(range: Range<Int>) {
    var numbers = Numbers(seed: 3)
    let embeddings = numbers.matrix(12, 4)
    let added = [numbers.matrix(6, 4), numbers.matrix(6, 4)]
    let input = InputRows(
      embeddings, at: Positions(text: 12, from: 0), pictures: [3..<7, 9..<11], added: added)
    let piece = input[range]
    #expect(piece.count == range.count)
    #expect(piece.embeddings.values == embeddings.rows(range))
    #expect(piece.positions.axes[0] == range.map { Int32($0) })
    // Which row of what is added belongs to each token.
    let owners: [Int?] = [nil, nil, nil, 0, 1, 2, 3, nil, nil, 4, 5, nil]
    let wanted = range.compactMap { owners[$0] }
    for (part, whole) in zip(piece.added, added) {
      #expect(part.values == wanted.flatMap { whole.row($0) })
    }
    #expect(piece.pictures.flatMap { Array($0) } == range.filter { owners[$0] != nil }.map { $0 - range.lowerBound })
  }

  @Test("Means of blocks are those of their patches", arguments: [(6, 2), (6, 3), (4, 1), (5, 5)])
  func pool(side: Int, block: Int) {
    var numbers = Numbers(seed: 5)
    let x = numbers.matrix(side * side, 7)
    let pooled = PatchPool.means(x, side: side, block: block, Compute(threads: 3))
    let out = side / block
    #expect(pooled.rows == out * out && pooled.columns == 7)
    for token in 0..<out * out {
      for column in 0..<7 {
        var sum = 0.0
        for y in 0..<block {
          for place in 0..<block {
            sum += Double(x[(token / out * block + y) * side + token % out * block + place, column])
          }
        }
        #expect(abs(Double(pooled[token, column]) - sum / Double(block * block)) < 1e-6)
      }
    }
  }

  @Test("Matrices stand side by side")
  func sideBySide() {
    let (a, b) = (Activations(rows: 2, columns: 1, [1, 2]), Activations(rows: 2, columns: 2, [3, 4, 5, 6]))
    #expect(Activations.sideBySide([a, b, a], Compute(threads: 2)).values == [1, 3, 4, 1, 2, 5, 6, 2])
  }
}
