import Quants
import Base
import Testing

/// The codebooks are facts of the formats: their data must not change.
struct CodebookTests {
  /// A codebook; `sum` is the SHA-256 of its points' numbers in order, a byte each, as ggml's `kgrid` tables have them.
  struct Book: Sendable {
    let data: String
    let digits: Int
    let levels: Int
    let count: Int
    let sum: String
  }

  static let codebooks: [Book] = [
    Book(
      data: CodebookData.iq2XXS, digits: 8, levels: 3, count: 256,
      sum: "886814bc08b031008eb1086cdbc5c3fae78eecc764a4a6742f8eb839b9f37ef6"),
    Book(
      data: CodebookData.iq2XS, digits: 8, levels: 3, count: 512,
      sum: "e9567eb15257b717a029c8c1e574ffd87af0c95090552eff83eb6e09b1211046"),
    Book(
      data: CodebookData.iq2S, digits: 8, levels: 3, count: 1024,
      sum: "1d4ca1e2fbd2be073bef55f6582ad20109dc746ebd39b5c0780d57ebacc73024"),
    Book(
      data: CodebookData.iq1, digits: 8, levels: 3, count: 2048,
      sum: "bf92c60e2ed15644d2d948b652a55624cc35699ef5c8e0337258e332f8c47b48"),
    Book(
      data: CodebookData.iq3XXS, digits: 4, levels: 8, count: 256,
      sum: "e86540e4e7b2d3375c137ffe84467dc402396c6da24273f9007b5db112172f4c"),
    Book(
      data: CodebookData.iq3S, digits: 4, levels: 8, count: 512,
      sum: "acb8a458f699e571cf55c9270a4bc15facd6653b40450ce1f449f345c95e4407"),
  ]

  @Test(arguments: codebooks.indices)
  func `points have the checksum of the reference's`(index: Int) {
    let book = Self.codebooks[index]
    let cells = book.data.enumerated().flatMap { place, digit in
      // The first hexadecimal digit of a byte is its upper half.
      let first = place / 2 * 8 + (place % 2 == 0 ? 4 : 0)
      let bits = digit.hexDigitValue ?? 0
      return (0..<4).filter { bits >> $0 & 1 == 1 }.map { first + $0 }
    }.sorted()
    #expect(cells.count == book.count)
    let digits = cells.flatMap { cell in
      var rest = cell
      return (0..<book.digits).map { _ in
        defer { rest /= book.levels }
        return UInt8(rest % book.levels)
      }
    }
    var hash = SHA256Hash()
    digits.withUnsafeBytes { hash.update($0) }
    #expect(hash.finalize() == book.sum)
  }
}
