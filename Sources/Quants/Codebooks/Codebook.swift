/// The codebook of an i-quant: the few points that a short run of weights may be rounded to, and which points are near.
///
/// A point is a run of small numbers, `digits` of them, each below `levels`. Where rounding every weight by itself does
/// not give a point, an encoder chooses among the points around: those at the `rings` smallest distances from the cell.
struct Codebook: Sendable {
  let digits: Int
  let levels: Int
  /// Every point's numbers, point after point.
  let numbers: [UInt8]
  /// For every cell its point, or the negated start of its list in ``neighbours`` minus one.
  private let places: [Int32]
  /// Lists of points by distance, then by number, each after its length.
  private let neighbours: [UInt16]

  /// The number of points.
  var count: Int { numbers.count / digits }

  /// Builds the codebook from a bit map of its cells (see ``CodebookData``).
  init(cells hexadecimal: String, digits: Int, levels: Int, rings: Int) {
    self.digits = digits
    self.levels = levels
    let cells = Self.cells(hexadecimal)
    numbers = cells.flatMap { Self.numbers(ofCell: $0, digits: digits, levels: levels) }
    let all = (0..<digits).reduce(1) { size, _ in size * levels }
    (places, neighbours) = Self.surroundings(cells, numbers, digits: digits, levels: levels, all: all, rings: rings)
  }

  /// The cell of a run of numbers.
  func cell(_ run: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var cell = 0
    for number in run.reversed() { cell = cell * levels + Int(number) }
    return cell
  }

  /// The point in a cell, or nil when the cell is empty.
  func point(_ cell: Int) -> Int? {
    places[cell] >= 0 ? Int(places[cell]) : nil
  }

  /// The points around an empty cell, nearest first.
  func neighbours(_ cell: Int) -> ArraySlice<UInt16> {
    let start = Int(-1 - places[cell])
    return neighbours[start + 1..<start + 1 + Int(neighbours[start])]
  }

  /// The set bits of a bit map in hexadecimal, ascending.
  static func cells(_ hexadecimal: String) -> [Int] {
    var cells: [Int] = []
    for (index, digit) in hexadecimal.utf8.enumerated() {
      let value = digit < 0x3A ? digit - 0x30 : digit - 0x57
      // The first hexadecimal digit of a byte is its upper half.
      let first = index / 2 * 8 + (index % 2 == 0 ? 4 : 0)
      for bit in 0..<4 where value >> UInt8(truncatingIfNeeded: bit) & 1 == 1 { cells.append(first + bit) }
    }
    return cells.sorted()
  }

  /// The numbers of a cell.
  static func numbers(ofCell cell: Int, digits: Int, levels: Int) -> [UInt8] {
    var rest = cell
    return (0..<digits).map { _ in
      defer { rest /= levels }
      return UInt8(truncatingIfNeeded: rest % levels)
    }
  }

  /// For every empty cell the points at its `rings` smallest distances.
  private static func surroundings(
    _ cells: [Int], _ numbers: [UInt8], digits: Int, levels: Int, all: Int, rings: Int
  ) -> (places: [Int32], neighbours: [UInt16]) {
    var places = [Int32](repeating: -1, count: all)
    for (point, cell) in cells.enumerated() { places[cell] = Int32(point) }
    var neighbours: [UInt16] = []
    let farthest = digits * (levels - 1) * (levels - 1)
    var distances = [Int](repeating: 0, count: cells.count)
    var byDistance = [Int](repeating: 0, count: farthest + 1)
    for cell in 0..<all where places[cell] < 0 {
      let centre = Self.numbers(ofCell: cell, digits: digits, levels: levels)
      for distance in byDistance.indices { byDistance[distance] = 0 }
      for point in cells.indices {
        var distance = 0
        for i in 0..<digits {
          let difference = Int(numbers[point * digits + i]) - Int(centre[i])
          distance += difference * difference
        }
        distances[point] = distance
        byDistance[distance] += 1
      }
      places[cell] = -1 - Int32(neighbours.count)
      let near = byDistance.indices.filter { byDistance[$0] > 0 }.prefix(rings)
      neighbours.append(UInt16(truncatingIfNeeded: near.reduce(0) { $0 + byDistance[$1] }))
      for distance in near {
        for point in distances.indices where distances[point] == distance {
          neighbours.append(UInt16(truncatingIfNeeded: point))
        }
      }
    }
    return (places, neighbours)
  }
}

extension Codebook {
  static let iq2XXS = Codebook(cells: CodebookData.iq2XXS, digits: 8, levels: 3, rings: 2)
  static let iq2XS = Codebook(cells: CodebookData.iq2XS, digits: 8, levels: 3, rings: 2)
  static let iq2S = Codebook(cells: CodebookData.iq2S, digits: 8, levels: 3, rings: 1)
  static let iq1 = Codebook(cells: CodebookData.iq1, digits: 8, levels: 3, rings: 3)
  static let iq3XXS = Codebook(cells: CodebookData.iq3XXS, digits: 4, levels: 8, rings: 2)
  static let iq3S = Codebook(cells: CodebookData.iq3S, digits: 4, levels: 8, rings: 3)
}
