/// A size of a file as people write it: `500M`, `2G`.
package enum ByteSize {
  /// Reads a size; the units are decimal, as llama-gguf-split's are.
  ///
  /// - Throws: `malformed` when it is not a positive number with an optional unit `K`, `M`, `G` or `T`.
  package static func parse(_ text: String) throws(CheckpointError) -> UInt64 {
    let units: [Character: UInt64] = ["K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000]
    var digits = Substring(text.uppercased())
    if digits.last == "B" { digits.removeLast() }
    var factor: UInt64 = 1
    if let last = digits.last, let unit = units[last] {
      factor = unit
      digits.removeLast()
    }
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits), number > 0 else {
      throw CheckpointError(.malformed, "\(text) is not a size; write for example 500M or 2G")
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
    guard !overflow else { throw CheckpointError(.malformed, "the size \(text) is too large") }
    return bytes
  }
}
