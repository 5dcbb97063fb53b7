/// A size of a file as people write it: `500M`, `4.5GB`.
package enum ByteSize {
  /// Reads a size; the units are decimal, as llama-gguf-split's are.
  ///
  /// A fraction of a byte is left away.
  ///
  /// - Throws: `malformed` when it is not a positive number with an optional unit `K`, `M`, `G` or `T`, or has a fraction but no unit.
  package static func parse(_ text: String) throws(CheckpointError) -> UInt64 {
    let units: [Character: UInt64] = ["K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000]
    var digits = Substring(text.uppercased())
    if digits.last == "B" { digits.removeLast() }
    var factor: UInt64 = 1
    if let last = digits.last, let unit = units[last] {
      factor = unit
      digits.removeLast()
    }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count == 2 && factor > 1 ? parts[1] : "0"
    guard parts.count == 1 || (parts.count == 2 && factor > 1), parts.allSatisfy(isNumber), isNumber(fraction),
      let number = UInt64(parts[0])
    else {
      throw CheckpointError(.malformed, "\(text) is not a size; write for example 500M or 4.5G")
    }
    // Digit by digit, each worth a tenth of the one before: exact, and never above what was asked for.
    var (part, worth) = (UInt64(0), factor)
    for digit in fraction.utf8 {
      worth /= 10
      part += UInt64(digit - 0x30) * worth
    }
    let (whole, overflow) = number.multipliedReportingOverflow(by: factor)
    let (bytes, isTooLarge) = whole.addingReportingOverflow(part)
    guard !overflow, !isTooLarge else { throw CheckpointError(.malformed, "the size \(text) is too large") }
    guard bytes > 0 else { throw CheckpointError(.malformed, "\(text) is not a size; write for example 500M or 4.5G") }
    return bytes
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}
