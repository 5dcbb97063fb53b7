import Quants
import TestSupport
import Testing

/// Every kernel at every level against the format's own Swift code, on memory that ends at a guard page.
struct KernelTests {
  /// Rows that round, tie, underflow, overflow, repeat, and hold what no checkpoint should.
  enum Kind: CaseIterable {
    case uniform, anyBits, subnormal, ties, zeros, large, small, nonFinite
  }

  static func row(_ kind: Kind, count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let bits = UInt32(truncatingIfNeeded: random.next() >> 16)
      switch kind {
      case .uniform: return random.float()
      case .anyBits: return Float(bitPattern: bits)
      case .subnormal: return random.float() * 0x1p-140
      case .ties: return Float(Int(bits % 5) - 2)
      case .zeros: return bits & 1 == 0 ? 0 : -0.0
      case .large: return random.float() * 0x1p17
      case .small: return random.float() * 0x1p-16
      case .nonFinite: return bits % 97 == 0 ? .infinity : bits % 89 == 0 ? .nan : random.float()
      }
    }
  }

  /// Formats whose plain encoder is quick enough for many rows.
  static let quick: [TensorType] = [.f16, .bf16, .q8_0, .q4_0]

  @Test(arguments: Kernels.available, quick)
  func `bytes and weights are those of the plain code`(kernels: Kernels, type: TensorType) throws {
    let codec = try type.requiredCodec()
    let kernel = try RowCodec(type, kernels: kernels)
    for kind in Kind.allCases {
      for blocks in [1, 2, 3, 5, 8, 31, 33, 64, 97] {
        let count = blocks * type.blockElements
        let row = GuardedBuffer(Self.row(kind, count: count, seed: UInt64(blocks)))
        let plain = GuardedBuffer(count: blocks * type.blockBytes)
        let fast = GuardedBuffer(count: blocks * type.blockBytes)
        codec.encode(row.readOnlyFloats, importance: nil, into: plain.bytes)
        kernel.encode(row.readOnlyFloats, into: fast.bytes)
        try #require(Array(plain.bytes) == Array(fast.bytes), "\(kernels) \(type) \(kind), \(blocks) blocks")
        let ours = GuardedBuffer(count: count * 4)
        let theirs = GuardedBuffer(count: count * 4)
        codec.decode(plain.readOnly, into: theirs.floats)
        kernel.decode(plain.readOnly, into: ours.floats)
        let same = zip(ours.floats, theirs.floats).allSatisfy(Self.isSame)
        try #require(same, "\(kernels) \(type) \(kind), \(blocks) blocks decode differently")
      }
    }
  }

  @Test(arguments: Kernels.available)
  func `every half decodes exactly`(kernels: Kernels) throws {
    let halves = GuardedBuffer((0...UInt16.max).map { $0 })
    let row = GuardedBuffer(count: 65536 * 4)
    try RowCodec(.f16, kernels: kernels).decode(halves.readOnly, into: row.floats)
    for bits in 0...UInt16.max {
      try #require(Self.isSame(row.floats[Int(bits)], HalfPrecision.float(f16: bits)), "f16 \(bits)")
    }
    try RowCodec(.bf16, kernels: kernels).decode(halves.readOnly, into: row.floats)
    for bits in 0...UInt16.max {
      try #require(Self.isSame(row.floats[Int(bits)], HalfPrecision.float(bf16: bits)), "bf16 \(bits)")
    }
  }

  @Test(arguments: Kernels.available, [TensorType.f16, .bf16])
  func `floats around every half round alike`(kernels: Kernels, type: TensorType) throws {
    // Each half's upper neighbour's midpoint and the floats beside it: where rounding is decided.
    var floats: [Float] = []
    for bits in UInt16(0)..<0x7C00 {
      let low = HalfPrecision.float(f16: bits)
      let middle = low + (HalfPrecision.float(f16: bits + 1) - low) / 2
      guard middle.isFinite else { continue }
      floats += [middle.nextDown, middle, middle.nextUp, -middle]
    }
    floats += [65519.996, 65520, 65536, 1e9, 0x1p-25, (0x1p-25 as Float).nextUp, 0x1p-26]
    let row = GuardedBuffer(floats)
    let halves = GuardedBuffer(count: floats.count * 2)
    try RowCodec(type, kernels: kernels).encode(row.readOnlyFloats, into: halves.bytes)
    for (index, value) in floats.enumerated() {
      let ours = halves.bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      let expected = type == .f16 ? HalfPrecision.f16(value) : HalfPrecision.bf16(value)
      try #require(ours == expected, "\(value)")
    }
  }

  @Test(arguments: Kernels.available, quick)
  func `golden rows come out byte for byte`(kernels: Kernels, type: TensorType) throws {
    let golden = try GoldenBlocks()
    let codec = try RowCodec(type, kernels: kernels)
    let input = try #require(golden.floats("input"))
    let expected = try #require(golden.data("\(type).plain"))
    let source = GuardedBuffer(input)
    let target = GuardedBuffer(count: expected.count)
    codec.encode(source.readOnlyFloats, into: target.bytes)
    #expect(Array(target.bytes) == expected)
    let decoded = try #require(golden.floats("\(type).plain.decoded"))
    codec.decode(target.readOnly, into: source.floats)
    #expect(zip(source.floats, decoded).allSatisfy(Self.isSame))
  }

  @Test(arguments: Kernels.available, [TensorType.f32, .f16, .bf16])
  func `the first infinity or NaN is found wherever it is`(kernels: Kernels, type: TensorType) throws {
    let codec = try RowCodec(type, kernels: kernels)
    for count in [0, 1, 31, 127, 128, 129, 300, 513] {
      let row = Self.row(.uniform, count: count, seed: 3)
      for position in Array(stride(from: 0, to: count, by: 11)) + [count - 1, count] where position >= 0 {
        var changed = row
        if position < count { changed[position] = position % 2 == 0 ? -.infinity : .nan }
        let stored = GuardedBuffer(count: count * type.blockBytes)
        changed.withUnsafeBufferPointer { codec.encode($0, into: stored.bytes) }
        let expected = position < count ? position : nil
        try #require(kernels.firstNonFinite(type, stored.readOnly) == expected, "\(type), \(count) numbers")
      }
    }
  }

  /// What each format has is written in docs/performance/kernels.md: a format that loses a kernel would silently be slow.
  @Test(arguments: Kernels.available)
  func `every format has the kernels that are listed`(level: Kernels) throws {
    let page = String(decoding: try Fixtures.bytes("../docs/performance/kernels.md"), as: UTF8.self)
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex(of: "| format | decode | encode | product | one token |"))
    let rows = lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
      line.split(separator: "|").map { $0.trimmingPrefix(" ").prefix { $0 != " " } }
    }
    let kinds = ["decode", "encode", "product", "one token"]
    let codecs = QuantFormats.all.filter { $0.codec != nil }
    #expect(rows.map { String($0[0]) } == codecs.map(\.name), "one row a format, in the order of the registry")
    for row in rows {
      let type = try #require(TensorType(name: String(row[0])))
      let listed = zip(kinds, row.dropFirst()).filter { $0.1 == "yes" }.map(\.0)
      #expect(level[type]?.names ?? [] == listed, "\(type) at level \(level)")
    }
  }

  @Test func `levels go from portable to the fastest`() throws {
    #expect(Kernels.available.first?.name == "portable")
    #expect(Kernels.available.contains { $0.index == Kernels.best.index })
    #expect(Set(Kernels.available.map(\.name)).count == Kernels.available.count)
  }

  private static func isSame(_ a: Float, _ b: Float) -> Bool {
    a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
  }
}
