private import CKernels

/// A codebook laid out for the encoders' kernels.
///
/// Sendable because nothing changes it; its memory lives as long as the program.
struct KernelCodebook: @unchecked Sendable {
  /// A `ck_codebook`.
  let address: UnsafeRawPointer

  /// Lays out a codebook; with short lists where runs come from rounding each weight by itself.
  init(_ codebook: Codebook, hasShortLists: Bool) {
    let bits = codebook.levels == 3 ? 2 : 3
    var places = [Int32](repeating: 0, count: 1 << (bits * codebook.digits))
    var lists: [UInt16] = []
    let all = (0..<codebook.digits).reduce(1) { size, _ in size * codebook.levels }
    for cell in 0..<all {
      let centre = Codebook.numbers(ofCell: cell, digits: codebook.digits, levels: codebook.levels)
      let packed = centre.indices.reduce(0) { $0 | Int(centre[$1]) << (bits * $1) }
      if let point = codebook.point(cell) {
        places[packed] = Int32(point)
        continue
      }
      places[packed] = -1 - Int32(lists.count)
      let points = codebook.neighbours(cell)
      let short = hasShortLists ? Self.undominated(points, centre, codebook) : []
      for list in [short, Array(points)] {
        lists.append(UInt16(truncatingIfNeeded: list.count))
        lists += list
      }
    }
    lists += [UInt16](repeating: 0, count: 8)
    var codes: [Int32] = []
    var numbers: [UInt64] = []
    for point in 0..<codebook.count {
      let digits = codebook.numbers[point * codebook.digits..<(point + 1) * codebook.digits]
      codes.append(
        Int32(truncatingIfNeeded: digits.enumerated().reduce(0) { $0 | Int($1.element) << (4 * $1.offset) }))
      numbers.append(digits.enumerated().reduce(0) { $0 | UInt64($1.element) * 32 << UInt64(8 * $1.offset) })
    }
    let book = UnsafeMutablePointer<ck_codebook>.allocate(capacity: 1)
    book.initialize(
      to: ck_codebook(
        places: Self.kept(places), lists: Self.kept(lists), codes: Self.kept(codes), numbers: Self.kept(numbers)))
    address = UnsafeRawPointer(book)
  }

  /// The points of a list that none before them is closer than in every number that differs, on the same side.
  ///
  /// A point's distances from the centre are written as runs of ones, a run for either side of each number: a point is then
  /// dominated by one whose ones are a part of its own.
  private static func undominated(_ points: ArraySlice<UInt16>, _ centre: [UInt8], _ codebook: Codebook) -> [UInt16] {
    let width = codebook.levels - 1
    var kept: [UInt16] = []
    var marks: [UInt64] = []
    for point in points {
      var mark: UInt64 = 0
      for i in 0..<codebook.digits {
        let offset = Int(codebook.numbers[Int(point) * codebook.digits + i]) - Int(centre[i])
        let ones: UInt64 = (1 << UInt64(abs(offset))) - 1
        mark |= ones << UInt64(2 * width * i + (offset < 0 ? width : 0))
      }
      if marks.contains(where: { $0 & ~mark == 0 }) { continue }
      kept.append(point)
      marks.append(mark)
    }
    return kept
  }

  fileprivate static func kept<Element>(_ values: [Element]) -> UnsafePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: values.count)
    memory.initialize(from: values, count: values.count)
    return UnsafePointer(memory)
  }
}

/// What the kernels of a format with a codebook are handed, made when first asked for.
package enum KernelTables: Sendable {
  case iq1, iq2XXS, iq2XS, iq2S, iq3XXS, iq3S

  /// For encoders.
  var codebook: KernelCodebook {
    switch self {
    case .iq1: Self.iq1Codebook
    case .iq2XXS: Self.iq2XXSCodebook
    case .iq2XS: Self.iq2XSCodebook
    case .iq2S: Self.iq2SCodebook
    case .iq3XXS: Self.iq3XXSCodebook
    case .iq3S: Self.iq3SCodebook
    }
  }

  /// For decoders.
  var points: UnsafePointer<UInt64> {
    switch self {
    case .iq1: Self.iq1Points.address
    case .iq2XXS: Self.iq2XXSPoints.address
    case .iq2XS: Self.iq2XSPoints.address
    case .iq2S: Self.iq2SPoints.address
    case .iq3XXS: Self.iq3XXSPoints.address
    case .iq3S: Self.iq3SPoints.address
    }
  }

  private static let iq1Codebook = KernelCodebook(Codebook.iq1, hasShortLists: false)
  private static let iq2XXSCodebook = KernelCodebook(Codebook.iq2XXS, hasShortLists: true)
  private static let iq2XSCodebook = KernelCodebook(Codebook.iq2XS, hasShortLists: true)
  private static let iq2SCodebook = KernelCodebook(Codebook.iq2S, hasShortLists: true)
  private static let iq3XXSCodebook = KernelCodebook(Codebook.iq3XXS, hasShortLists: true)
  private static let iq3SCodebook = KernelCodebook(Codebook.iq3S, hasShortLists: true)

  private static let iq1Points = Points(CodebookData.iq1, digits: 8, values: [-1, 0, 1])
  private static let iq2XXSPoints = Points(CodebookData.iq2XXS, digits: 8, values: [8, 25, 43])
  private static let iq2XSPoints = Points(CodebookData.iq2XS, digits: 8, values: [8, 25, 43])
  private static let iq2SPoints = Points(CodebookData.iq2S, digits: 8, values: [8, 25, 43])
  private static let iq3XXSPoints = Points(CodebookData.iq3XXS, digits: 4, values: [4, 12, 20, 28, 36, 44, 52, 62])
  private static let iq3SPoints = Points(CodebookData.iq3S, digits: 4, values: [1, 3, 5, 7, 9, 11, 13, 15])

  /// Every point's values, a byte each, first one lowest.
  ///
  /// Sendable because nothing changes it; its memory lives as long as the program.
  private struct Points: @unchecked Sendable {
    let address: UnsafePointer<UInt64>

    init(_ cells: String, digits: Int, values: [Int8]) {
      address = KernelCodebook.kept(
        Codebook.cells(cells).map { cell in
          Codebook.numbers(ofCell: cell, digits: digits, levels: values.count).enumerated().reduce(0) {
            $0 | UInt64(UInt8(bitPattern: values[Int($1.element)])) << UInt64(8 * $1.offset)
          }
        })
    }
  }
}
