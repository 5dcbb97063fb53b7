import Base
import TestSupport
import Testing

struct AtomicWriterTests {
  @Test func `a file appears whole, with its hash, and nothing else`() throws {
    let folder = try TemporaryFolder()
    let writer = try AtomicWriter(path: folder.file("out"), hashing: true)
    try writer.write([UInt8]("abc".utf8))
    #expect(folder.contents.filter { !$0.hasPrefix(".") }.isEmpty)
    let digest = try writer.finish()
    #expect(digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(folder.contents == ["out"])
    let file = try InputFile(path: folder.file("out"))
    #expect(try file.readBytes(at: 0, count: 3) == Array("abc".utf8))
  }

  @Test func `large and small writes keep their order`() throws {
    let folder = try TemporaryFolder()
    let writer = try AtomicWriter(path: folder.file("out"))
    var expected: [UInt8] = []
    for (number, size) in [1, 3 << 20, 7, 1 << 20, (1 << 20) - 3, 100, 5 << 20].enumerated() {
      let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 31 + number) }
      expected += piece
      try writer.write(piece)
    }
    #expect(writer.position == UInt64(expected.count))
    try writer.finish()
    let file = try InputFile(path: folder.file("out"))
    #expect(try file.readBytes(at: 0, count: expected.count) == expected)
    #expect(file.size == UInt64(expected.count))
  }

  /// Around whole blocks, with the room reserved, too much of it, or none.
  @Test(arguments: [0, 1, 4 << 20, (4 << 20) + 1, (24 << 20) - 1, 24 << 20])
  func `any length comes out exactly`(size: Int) throws {
    let expected = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 13) }
    let sum = expected.withUnsafeBytes { SHA256Hash.hash($0) }
    for reserved in [nil, UInt64(size), UInt64(size + 100)] {
      let folder = try TemporaryFolder()
      let writer = try AtomicWriter(path: folder.file("out"), hashing: true, reserving: reserved)
      for start in stride(from: 0, to: size, by: 3_000_000) {
        try writer.write(Array(expected[start..<min(size, start + 3_000_000)]))
      }
      #expect(try writer.finish() == sum)
      let file = try InputFile(path: folder.file("out"))
      #expect(file.size == UInt64(size))
      #expect(try file.readBytes(at: 0, count: size) == expected)
    }
  }

  @Test func `room that there is not is refused when it is reserved`() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: CheckpointError.self) {
      try AtomicWriter(path: folder.file("out"), reserving: 1 << 52)
    }
    #expect(error?.code == .noSpace)
    #expect(folder.contents.isEmpty)
  }

  @Test func `an existing output is refused, or replaced when that is allowed`() throws {
    let folder = try TemporaryFolder()
    try AtomicWriter(path: folder.file("out")).finishing([1])
    let error = #expect(throws: CheckpointError.self) { try AtomicWriter(path: folder.file("out")) }
    #expect(error?.code == .exists)
    #expect(try InputFile(path: folder.file("out")).readBytes(at: 0, count: 1) == [1])
    try AtomicWriter(path: folder.file("out"), overwrite: true).finishing([2])
    #expect(try InputFile(path: folder.file("out")).readBytes(at: 0, count: 1) == [2])
    #expect(folder.contents == ["out"])
  }

  @Test func `a name taken during the run is not replaced`() throws {
    let folder = try TemporaryFolder()
    let writer = try AtomicWriter(path: folder.file("out"))
    try writer.write([1])
    try AtomicWriter(path: folder.file("out")).finishing([2])
    let error = #expect(throws: CheckpointError.self) { try writer.finish() }
    #expect(error?.code == .exists)
    #expect(try InputFile(path: folder.file("out")).readBytes(at: 0, count: 1) == [2])
  }

  @Test func `an abandoned writer leaves nothing`() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try AtomicWriter(path: folder.file("out"))
      try writer.write([UInt8](repeating: 1, count: 4 << 20))
    }
    #expect(folder.contents.isEmpty)
  }

  @Test func `too little room is said before any work`() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: CheckpointError.self) {
      try AtomicWriter(path: folder.file("out"), expectedBytes: 1 << 60)
    }
    #expect(error?.code == .noSpace)
    #expect(folder.contents.isEmpty)
  }

  @Test func `a missing folder is named`() throws {
    let error = #expect(throws: CheckpointError.self) { try AtomicWriter(path: "/nonexistent-folder/out") }
    #expect(error?.file == "/nonexistent-folder")
  }
}

extension AtomicWriter {
  fileprivate func finishing(_ bytes: [UInt8]) throws {
    try write(bytes)
    try finish()
  }
}
