import Containers
import Quants
import TestSupport
import Testing

/// Scales that are not numbers are found in every format that can have them.
struct ScaleCheckTests {
  static let blocks: [String] = QuantFormats.all.filter(\.isBlock).map(\.name)

  /// The places of the fields that hold floating-point scales by the table of formats.
  private func fields(_ name: String) throws -> [(place: Int, width: Int)] {
    let table = String(decoding: try Fixtures.bytes("../formats/quants.tsv"), as: UTF8.self)
    let row = try #require(table.split(separator: "\n").first { $0.hasPrefix(name + "\t") })
    var places: [(place: Int, width: Int)] = []
    var place = 0
    for field in row.split(separator: "\t")[4].split(separator: " ") {
      let parts = field.split(separator: ":")
      let width = try #require(Int(parts[1]))
      // NVFP4 keeps four bytes of another kind under this name.
      if ["d", "dmin", "m", "s"].contains(parts[0]), name != "NVFP4" { places.append((place, width)) }
      place += width
    }
    return places
  }

  @Test(arguments: blocks)
  func `every scale of the table is looked at`(name: String) throws {
    let type = try #require(TensorType(name: name))
    let fields = try fields(name)
    switch type.scalePlaces {
    case .halves(let place, let other):
      #expect(fields.map(\.place) == [place] + (other.map { [$0] } ?? []) && fields.allSatisfy { $0.width == 2 })
    case .single(let place): #expect(fields.map(\.place) == [place] && fields[0].width == 4)
    case .none, .quarters: #expect(fields.isEmpty)
    }
    let clean = [UInt8](repeating: 0x3B, count: 3 * type.blockBytes)
    #expect(clean.withUnsafeBytes { ScaleCheck.firstBadBlock(of: type, in: $0) } == nil)
    for (place, width) in fields {
      for bits in [UInt8(0x7F), 0xFF] {
        var bytes = clean
        bytes[2 * type.blockBytes + place + width - 1] = bits
        bytes[2 * type.blockBytes + place + width - 2] = 0x80 | 0x7C
        #expect(bytes.withUnsafeBytes { ScaleCheck.firstBadBlock(of: type, in: $0) } == 2, "\(place)")
      }
    }
  }

  /// Whatever a codec makes of weights beyond its range, what decodes to no number is found.
  @Test(arguments: blocks)
  func `what decodes to no number is found`(name: String) throws {
    let type = try #require(TensorType(name: name))
    guard let codec = type.codec else { return }
    for magnitude in [Float(1e7), 1e9, 1e12] {
      let weights = (0..<4 * type.blockElements).map {
        Float($0 % 7 - 3) * ($0 < 2 * type.blockElements ? 1 : magnitude)
      }
      let importance = [Float](repeating: 1, count: weights.count)
      var blocks = [UInt8](repeating: 0, count: 4 * type.blockBytes)
      var decoded = [Float](repeating: 0, count: weights.count)
      blocks.withUnsafeMutableBytes { target in
        weights.withUnsafeBufferPointer { row in
          importance.withUnsafeBufferPointer {
            codec.encode(row, importance: codec.needsImportance ? $0 : nil, into: target)
          }
        }
        decoded.withUnsafeMutableBufferPointer { codec.decode(UnsafeRawBufferPointer(target), into: $0) }
      }
      let bad = blocks.withUnsafeBytes { ScaleCheck.firstBadBlock(of: type, in: $0) }
      if let first = decoded.firstIndex(where: { !$0.isFinite }) {
        #expect(bad == first / type.blockElements, "\(magnitude)")
      } else if let bad {
        #expect(bad >= 2, "\(magnitude)")
      }
    }
  }
}
