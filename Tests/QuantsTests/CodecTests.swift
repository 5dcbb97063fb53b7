import Quants
import TestSupport
import Testing

/// Every codec against the reference's bytes.
struct CodecTests {
  /// Names rather than metatypes: F32 and F64 are copies and have no golden rows.
  static let codecs: [String] = QuantFormats.all.filter { $0.codec != nil }.map { $0.name }
    .filter { $0 != "F32" && $0 != "F64" }

  @Test(arguments: CodecTests.codecs)
  func `encodes and decodes exactly as the reference does`(name: String) throws {
    let golden = try GoldenBlocks()
    let codec = try #require(TensorType(name: name)?.codec)
    let input = try #require(golden.floats("input"))
    let importance = try #require(golden.floats("importance"))
    var compared = 0
    for variant in ["plain", "weighted"] {
      guard let expected = golden.data("\(name).\(variant)") else { continue }
      let decoded = try #require(golden.floats("\(name).\(variant).decoded"))
      let columns = importance.count
      let rowBytes = try codecRowBytes(codec, columns)
      for row in 0..<input.count / columns {
        let weights = Array(input[row * columns..<(row + 1) * columns])
        let encoded = encode(codec, weights, importance: variant == "weighted" ? importance : nil)
        let theirs = Array(expected[row * rowBytes..<(row + 1) * rowBytes])
        let isSame = encoded == theirs
        try #require(isSame, "\(name).\(variant) row \(row), first differing byte \(difference(encoded, theirs))")
        let ours = decode(codec, theirs)
        let reference = decoded[row * columns..<(row + 1) * columns]
        let same = zip(ours, reference).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
        try #require(same, "\(name).\(variant) row \(row) decodes differently")
        compared += 1
      }
    }
    #expect(compared > 0, "\(name) has no golden rows")
  }

  @Test func `every format agrees with its row in quants.tsv`() throws {
    let rows = String(decoding: try Fixtures.bytes("../formats/quants.tsv"), as: UTF8.self).split(separator: "\n")
      .dropFirst()
    var seen: Set<String> = []
    for row in rows {
      let fields = row.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      try #require(fields.count == 5, "name, GGUF id, elements, bytes, fields: \(row)")
      let type = try #require(TensorType(name: fields[0]), "\(fields[0]) is in the table and not in the registry")
      #expect(type.ggufID.map(String.init) ?? "-" == fields[1])
      #expect(String(type.blockElements) == fields[2])
      #expect(String(type.blockBytes) == fields[3])
      #expect(widthSum(fields[4]) == type.blockBytes, "the fields of \(fields[0]) do not add up to its bytes")
      seen.insert(fields[0])
    }
    let registered = Set(QuantFormats.all.map(\.name))
    #expect(seen == registered)
  }

  /// The bytes of a field list such as `d:2 qs:32`.
  private func widthSum(_ fields: String) -> Int {
    fields.split(separator: " ").reduce(0) { $0 + (Int($1.split(separator: ":").last ?? "") ?? 0) }
  }

  private func codecRowBytes(_ codec: any QuantCodec.Type, _ columns: Int) throws -> Int {
    try TensorType(codec).byteCount(columns: columns)
  }

  private func encode(_ codec: any QuantCodec.Type, _ row: [Float], importance: [Float]?) -> [UInt8] {
    var blocks = [UInt8](repeating: 0xAA, count: row.count / codec.blockElements * codec.blockBytes)
    row.withUnsafeBufferPointer { weights in
      blocks.withUnsafeMutableBytes { target in
        if let importance {
          importance.withUnsafeBufferPointer { codec.encode(weights, importance: $0, into: target) }
        } else {
          codec.encode(weights, importance: nil, into: target)
        }
      }
    }
    return blocks
  }

  private func decode(_ codec: any QuantCodec.Type, _ blocks: [UInt8]) -> [Float] {
    var row = [Float](repeating: 0, count: blocks.count / codec.blockBytes * codec.blockElements)
    blocks.withUnsafeBytes { source in row.withUnsafeMutableBufferPointer { codec.decode(source, into: $0) } }
    return row
  }

  private func difference(_ a: [UInt8], _ b: [UInt8]) -> String {
    zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }.map { "\($0.offset): \($0.element)" } ?? "none"
  }
}
