import Foundation
import TestSupport
import Testing

/// Memory that is owned is lent for the length of a call, or as a view that the compiler ties to its owner: nothing in `Sources` that
/// others can reach answers with an address, or stores one where others can take it.
@Suite struct LentMemoryTests {
  /// What may: a file, the declarations in it, and why.
  private static let allowed: [String: (declarations: Set<String>, reason: String)] = [
    "Conversion/RowStream.swift": (
      ["bytes", "moved", "floats", "room"], "the memory of one worker, which holds it while it works on a piece"
    ),
    "Engine/MatrixProduct.swift": (
      ["x", "y", "base"],
      "one product, inside the call that was lent its inputs and outputs; a buffer on a private list"
    ),
    "Engine/WeightMatrix.swift": (["bytes"], "a private class, in the file that lends"),
    "Quants/BlockMemory.swift": (
      ["buffer", "slice", "room"], "a value that cannot be copied lives to the end of its scope"
    ),
    "Quants/GridCodec.swift": (
      ["scales", "minimums", "numbers"], "a value that cannot be copied lives to the end of its scope"
    ),
    "Calibration/Rounding/Room.swift": (
      ["base", "addProducts"], "a value that cannot be copied, and the panels of one worker inside its call"
    ),
    "Calibration/Statistics/NamedMatrices.swift": (["bytes"], "a private class, in the file that lends"),
    "Conversion/TensorRows.swift": (["values"], "a private class, read when all threads are done"),
    "Quants/Codebooks/KernelCodebook.swift": (
      ["address", "points"], "constant tables that live as long as the program"
    ),
    "Base/Files/ByteReader.swift": (
      ["view", "utf8"], "a cursor over bytes that its caller was lent; they are not its own"
    ),
    "Base/JSON/JSONReader.swift": (["bytes"], "a cursor over bytes that its caller was lent; they are not its own"),
    "Base/Threads/ReusedMemory.swift": (["base"], "an allocation: who takes a piece owns it until it is given back"),
    "Base/Threads/LargePages.swift": (["allocate"], "an allocation: who asks for it owns it"),
    "Tokenizers/Model/MergeModel.swift": (["buffer"], "a box for workers, inside the call that was lent an array"),
  ]

  @Test func `no address leaves its owner`() throws {
    let sources = CommandLineRun.root + "/Sources/"
    let files = try #require(FileManager.default.enumerator(atPath: sources)).compactMap { $0 as? String }
    #expect(files.count > 200)
    var used: [String: Set<String>] = [:]
    for file in files.filter({ $0.hasSuffix(".swift") }).sorted() {
      let text = try String(contentsOfFile: sources + file, encoding: .utf8)
      for name in Self.declarations(text) {
        used[file, default: []].insert(name)
        #expect(
          Self.allowed[file]?.declarations.contains(name) == true,
          "Sources/\(file): \(name) hands out an address; lend it for the length of a call instead")
      }
    }
    for (file, entry) in Self.allowed {
      #expect(used[file] == entry.declarations, "Sources/\(file): the list names what is no longer there")
    }
  }

  @Test func `declarations are found`() {
    let text = """
      final class A {
        let base: UnsafeMutablePointer<Float>
        private let hidden: UnsafeMutablePointer<Float>
        package private(set) var kept: UnsafeRawBufferPointer
        package func row(_ index: Int) -> UnsafeBufferPointer<Float> { start }
        fileprivate func rows(_ index: Int) -> UnsafeBufferPointer<Float> { start }
        func long(
          _ index: Int
        ) throws(CheckpointError) -> UnsafeRawBufferPointer? {
        func lend(_ body: (UnsafeRawBufferPointer) -> Void) {
        var all: [UnsafeRawPointer] { [] }
      """
    #expect(Self.declarations(text) == ["base", "kept", "row", "long", "all"])
  }

  /// Names of properties that hold an address and of functions that return one, unless they are private.
  private static func declarations(_ text: String) -> [String] {
    var names: [String] = []
    var function: String?  // whose parameters are being listed
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      let isPrivate = words.contains("private") || words.contains("fileprivate")
      if let at = words.firstIndex(of: "func"), at + 1 < words.count {
        function = isPrivate ? nil : String(words[at + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
      }
      if let name = function, let arrow = line.range(of: "-> ", options: .backwards),
        isAddress(line[arrow.upperBound...]), !line[..<arrow.lowerBound].hasSuffix("in ")
      {
        // A closure that a parameter takes has its arrow inside the list.
        let before = line[..<arrow.lowerBound]
        if before.filter({ $0 == "(" }).count <= before.filter({ $0 == ")" }).count { names.append(name) }
      }
      if line.hasSuffix("{") || line.hasSuffix("}") { function = nil }
      guard !isPrivate, let at = words.firstIndex(where: { $0 == "let" || $0 == "var" }), at + 2 < words.count,
        words[..<at].allSatisfy({ ["package", "public", "internal", "static", "private(set)"].contains($0) }),
        words[at + 1].hasSuffix(":"), isAddress(words[at + 2])
      else { continue }
      names.append(String(words[at + 1].dropLast()))
    }
    return names
  }

  private static func isAddress(_ type: some StringProtocol) -> Bool {
    type.drop { $0 == "[" || $0 == "(" }.hasPrefix("Unsafe")
  }
}
