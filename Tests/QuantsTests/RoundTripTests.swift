import Quants
import TestSupport
import Testing

/// What every format promises of any row: errors within its page's bound, zeros that stay zeros, the same bytes every time.
struct RoundTripTests {
  static let formats: [String] = QuantFormats.all
    .filter { $0.codec != nil && $0.blockElements > 1 }.map { $0.name }

  /// Kinds of rows.
  enum Kind: CaseIterable {
    case gaussian, heavyTailed, constant, huge
  }

  /// The largest error of a weight as a fraction of the largest magnitude in its block, as the format's page has it.
  static func bound(_ name: String) throws -> Float {
    let page = String(decoding: try Fixtures.bytes("../formats/quants/\(name).md"), as: UTF8.self)
    let start = try #require(
      page.firstRange(of: "* Error: a decoded weight is off by at most "), "\(name) has no bound")
    return try #require(Float(page[start.upperBound...].prefix { $0 != " " }))
  }

  /// 1280 weights: five blocks of 256, so that lanes are not filled.
  static func row(_ kind: Kind, scale: Float = 1) -> [Float] {
    var random = SeededGenerator(seed: 5)
    return (0..<1280).map { _ in
      // The sum of twelve uniform numbers is close enough to a Gaussian.
      let gaussian = (0..<12).reduce(Float(0)) { sum, _ in sum + random.float() } / 2
      switch kind {
      case .gaussian: return gaussian * 0.02 * scale
      case .heavyTailed: return gaussian * gaussian * gaussian
      case .constant: return 0.37
      case .huge: return gaussian * 1000
      }
    }
  }

  @Test(arguments: Kernels.available, formats)
  func `decoding what was encoded stays within the bound of the page`(level: Kernels, name: String) throws {
    let type = try #require(TensorType(name: name))
    let bound = try Self.bound(name)
    for kind in Kind.allCases {
      let row = Self.row(kind)
      for importance in try Self.factors(type) {
        let back = try Self.roundTrip(type, level, row, importance)
        for block in stride(from: 0, to: row.count, by: type.blockElements) {
          let indices = block..<block + type.blockElements
          let largest = indices.reduce(Float(0)) { max($0, abs(row[$1])) }
          for i in indices {
            let isWithin = abs(back[i] - row[i]) <= bound * largest
            try #require(isWithin, "\(level) \(name) \(kind), weight \(i): \(row[i]) became \(back[i])")
          }
        }
      }
    }
  }

  @Test(arguments: Kernels.available, formats)
  func `zeros stay zeros and denormals stay small`(level: Kernels, name: String) throws {
    let type = try #require(TensorType(name: name))
    for importance in try Self.factors(type) {
      let zeros = try Self.roundTrip(type, level, [Float](repeating: 0, count: 1280), importance)
      #expect(zeros.allSatisfy { $0 == 0 }, "\(name)")
      let denormals = try Self.roundTrip(type, level, Self.row(.gaussian, scale: 0x1p-132), importance)
      #expect(denormals.allSatisfy { abs($0) < 1e-3 }, "\(name)")
    }
  }

  @Test(arguments: Kernels.available, formats)
  func `encoding is the same every time, at every level, whatever the memory held`(
    level: Kernels, name: String
  ) throws {
    let type = try #require(TensorType(name: name))
    for kind in Kind.allCases {
      let row = Self.row(kind)
      for importance in try Self.factors(type) {
        let first = try Self.encode(type, Kernels.available[0], row, importance, over: 0xAA)
        #expect(try Self.encode(type, level, row, importance, over: 0x55) == first, "\(level) \(name) \(kind)")
      }
    }
  }

  /// With and without importance, or only with where the format needs it.
  private static func factors(_ type: TensorType) throws -> [[Float]?] {
    var random = SeededGenerator(seed: 9)
    let importance: [Float] = (0..<1280).map { _ in abs(random.float()) + 0.1 }
    return try type.requiredCodec().needsImportance ? [importance] : [nil, importance]
  }

  private static func encode(
    _ type: TensorType, _ level: Kernels, _ row: [Float], _ importance: [Float]?, over fill: UInt8
  ) throws -> [UInt8] {
    var blocks = [UInt8](repeating: fill, count: try type.byteCount(columns: row.count))
    let codec = try RowCodec(type, kernels: level)
    row.withUnsafeBufferPointer { weights in
      blocks.withUnsafeMutableBytes { target in
        if let importance {
          importance.withUnsafeBufferPointer { codec.encode(weights, importance: $0, into: target) }
        } else {
          codec.encode(weights, into: target)
        }
      }
    }
    return blocks
  }

  private static func roundTrip(
    _ type: TensorType, _ level: Kernels, _ row: [Float], _ importance: [Float]?
  ) throws -> [Float] {
    let blocks = try encode(type, level, row, importance, over: 0xAA)
    var back = [Float](repeating: .nan, count: row.count)
    let codec = try RowCodec(type, kernels: level)
    blocks.withUnsafeBytes { source in back.withUnsafeMutableBufferPointer { codec.decode(source, into: $0) } }
    return back
  }
}
