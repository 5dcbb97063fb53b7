import Base

/// What llama-imatrix collected: how much every input of every weight matrix matters.
///
/// Entries carry GGUF names. The values of an entry are means of squared inputs; an encoder multiplies the error of a weight
/// by the value of its column. Specification: `formats/imatrix.md`.
package struct ImportanceMatrix: Sendable, Equatable {
  /// The sums of one weight tensor: one value a column, and for stacked experts so many for each.
  package struct Entry: Sendable, Equatable {
    /// The GGUF name of the tensor.
    package let name: String
    /// Sums of squared inputs, expert after expert; in a legacy file their mean times the only count.
    package let sums: [Float]
    /// How many inputs each expert saw: one number for a plain matrix.
    package let counts: [Float]

    package init(name: String, sums: [Float], counts: [Float]) {
      precondition(!counts.isEmpty && sums.count % counts.count == 0, "an entry has as many values for every expert")
      self.name = name
      self.sums = sums
      self.counts = counts
    }

    /// The importance of every column, expert after expert.
    ///
    /// An expert that saw nothing gets ones, so that its weights count alike.
    package var weights: [Float] {
      let columns = sums.count / counts.count
      var result = [Float](repeating: 1, count: sums.count)
      for (expert, stored) in counts.enumerated() {
        // llama.cpp keeps counts as integers.
        let count = stored.rounded(.toNearestOrAwayFromZero)
        guard count > 0 else { continue }
        for index in expert * columns..<(expert + 1) * columns { result[index] = sums[index] / count }
      }
      return result
    }

    /// Whether every sum is a finite number from zero up, and so every weight.
    package var isUsable: Bool {
      sums.allSatisfy { $0.isFinite && $0 >= 0 } && counts.allSatisfy { $0.isFinite && $0 >= 0 }
    }
  }

  /// All entries in the order of their names' bytes.
  package let entries: [Entry]
  /// The texts it was computed from, as their paths were given.
  package let datasets: [String]
  /// How many pieces of text were run; nil where the file does not say.
  package let chunkCount: UInt32?
  /// The tokens of each piece; nil in a legacy file, which does not say.
  package let chunkSize: UInt32?

  private let positions: [BinaryString: Int]

  /// Sorts entries by name; the names are unique.
  package init(entries: [Entry], datasets: [String], chunkCount: UInt32?, chunkSize: UInt32?) {
    self.entries = entries.sorted { BinaryString($0.name) < BinaryString($1.name) }
    self.datasets = datasets
    self.chunkCount = chunkCount
    self.chunkSize = chunkSize
    positions = Dictionary(
      self.entries.enumerated().map { (BinaryString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The importance of every column of every tensor, by name.
  package var weights: [String: [Float]] {
    Dictionary(entries.map { ($0.name, $0.weights) }, uniquingKeysWith: { first, _ in first })
  }

  /// The entry of a tensor.
  package subscript(name: String) -> Entry? { positions[BinaryString(name)].map { entries[$0] } }

  /// Reads an importance file; whether it is a GGUF or in the legacy form is decided by its content.
  ///
  /// - Throws: `malformed` with the place and the rule of `formats/imatrix.md` that is broken.
  package init(path: String) throws(CheckpointError) {
    let file = try InputFile(path: path)
    let start = try file.readBytes(at: 0, count: Int(min(file.size, 4)))
    // The legacy form begins with a count, which is far below 2^24.
    if start.count < 4 || start[3] != 0, !start.elementsEqual(GGUFFormat.magic) {
      try ForeignContent.refuse(in: file, where: .importance)
    }
    if start.elementsEqual(GGUFFormat.magic) {
      try self.init(Containers.open(path))
    } else {
      try self.init(legacy: file)
    }
  }
}
