import Quants
import Synchronization
import Base
import TestSupport
import Testing

/// The kernels of the searched-for block formats against the formats' own Swift code and the reference's rows.
struct BlockKernelTests {
  /// Every level with every block format it has a kernel for.
  static let kernels: [(level: Kernels, name: String)] = Kernels.available.flatMap { level in
    QuantFormats.all.filter { $0.isBlock && level[$0] != nil }.map { (level, $0.name) }
  }

  @Test(arguments: kernels)
  func `bytes and weights are those of the plain code`(level: Kernels, name: String) throws {
    let type = try #require(TensorType(name: name))
    let codec = try type.requiredCodec()
    let kernel = try RowCodec(type, kernels: level)
    // Formats whose Swift code is slow get fewer rows; the count of groups never fills the lanes exactly.
    for kind in KernelTests.Kind.allCases where kind != .anyBits && kind != .nonFinite {
      for blocks in [1, 3, 19] {
        let count = blocks * type.blockElements
        let row = GuardedBuffer(KernelTests.row(kind, count: count, seed: UInt64(blocks)))
        let importance = GuardedBuffer(KernelTests.row(.uniform, count: count, seed: 7).map { abs($0) })
        for factors in codec.needsImportance ? [importance] : [nil, importance] {
          let plain = GuardedBuffer(count: blocks * type.blockBytes)
          codec.encode(row.readOnlyFloats, importance: factors?.readOnlyFloats, into: plain.bytes)
          let fast = GuardedBuffer(count: blocks * type.blockBytes)
          kernel.encode(row.readOnlyFloats, importance: factors?.readOnlyFloats, into: fast.bytes)
          let isEqual = Array(plain.bytes) == Array(fast.bytes)
          try #require(isEqual, "\(level) \(name) \(kind), \(blocks) blocks, weighted: \(factors != nil)")
          let ours = GuardedBuffer(count: count * 4)
          let theirs = GuardedBuffer(count: count * 4)
          codec.decode(plain.readOnly, into: theirs.floats)
          kernel.decode(plain.readOnly, into: ours.floats)
          let isSame = zip(ours.floats, theirs.floats).allSatisfy(Self.isSame)
          try #require(isSame, "\(level) \(name) \(kind), \(blocks) blocks decode differently")
        }
      }
    }
  }

  @Test(arguments: kernels)
  func `any bytes decode as the plain code decodes them`(level: Kernels, name: String) throws {
    let type = try #require(TensorType(name: name))
    var random = SeededGenerator(seed: 11)
    let bytes = GuardedBuffer((0..<type.blockBytes * 65).map { _ in UInt8(truncatingIfNeeded: random.next() >> 9) })
    let ours = GuardedBuffer(count: 65 * type.blockElements * 4)
    let theirs = GuardedBuffer(count: 65 * type.blockElements * 4)
    try type.requiredCodec().decode(bytes.readOnly, into: theirs.floats)
    try RowCodec(type, kernels: level).decode(bytes.readOnly, into: ours.floats)
    let isSame = zip(ours.floats, theirs.floats).allSatisfy(Self.isSame)
    #expect(isSame, "\(level) \(name)")
  }

  @Test(arguments: kernels, [1, 7])
  func `golden rows come out byte for byte and bit for bit on any number of threads`(
    kernel: (Kernels, String), threads: Int
  ) throws {
    let (level, name) = kernel
    let golden = try GoldenBlocks()
    let type = try #require(TensorType(name: name))
    let codec = try RowCodec(type, kernels: level)
    let input = try #require(golden.floats("input"))
    let importance = try #require(golden.floats("importance"))
    let columns = importance.count
    let rowBytes = try type.byteCount(columns: columns)
    for variant in ["plain", "weighted"] {
      guard let expected = golden.data("\(name).\(variant)") else { continue }
      let decoded = try #require(golden.floats("\(name).\(variant).decoded"))
      let differing = Mutex<[Int]>([])
      try parallelRows(count: input.count / columns, threads: threads, grain: 3) { rows in
        for row in rows {
          let source = GuardedBuffer(Array(input[row * columns..<(row + 1) * columns]))
          let factors = variant == "weighted" ? GuardedBuffer(importance) : nil
          let target = GuardedBuffer(count: rowBytes)
          codec.encode(source.readOnlyFloats, importance: factors?.readOnlyFloats, into: target.bytes)
          let stored = GuardedBuffer(Array(expected[row * rowBytes..<(row + 1) * rowBytes]))
          let back = GuardedBuffer(count: columns * 4)
          codec.decode(stored.readOnly, into: back.floats)
          let isSame =
            Array(target.bytes) == Array(stored.bytes)
            && zip(back.floats, decoded[row * columns..<(row + 1) * columns]).allSatisfy(Self.isSame)
          if !isSame { differing.withLock { $0.append(row) } }
        }
      }
      let rows = differing.withLock { $0 }
      #expect(rows.isEmpty, "\(level) \(name).\(variant)")
    }
  }

  private static func isSame(_ a: Float, _ b: Float) -> Bool {
    a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
  }
}
