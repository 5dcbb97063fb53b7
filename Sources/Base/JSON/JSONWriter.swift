extension OrderedJSON {
  /// The document as UTF-8 text: with two-space indentation and a final line feed when `pretty`, else without space.
  ///
  /// `nonFinite` writes NaN and infinities in the words of Python, which JSON does not have; else they become null.
  package func serialized(pretty: Bool = false, nonFinite: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    write(into: &output, indent: pretty ? 0 : nil, nonFinite: nonFinite)
    if pretty { output.append(0x0A) }
    return output
  }

  func write(into output: inout [UInt8], indent: Int?, nonFinite: Bool = false) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .unsigned(let value): output.append(contentsOf: String(value).utf8)
    case .number(let value) where value.isFinite: output.append(contentsOf: "\(value)".utf8)
    case .number(let value):
      let word = value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
      output.append(contentsOf: (nonFinite ? word : "null").utf8)
    case .string(let value): Self.write(string: value, into: &output)
    case .array(let elements):
      Self.write(list: elements, "[", "]", into: &output, indent: indent) { element, output, indent in
        element.write(into: &output, indent: indent, nonFinite: nonFinite)
      }
    case .object(let object):
      Self.write(list: object.entries, "{", "}", into: &output, indent: indent) { entry, output, indent in
        Self.write(string: entry.key, into: &output)
        output.append(contentsOf: (indent == nil ? ":" : ": ").utf8)
        entry.value.write(into: &output, indent: indent, nonFinite: nonFinite)
      }
    }
  }

  private static func write<T>(
    list: [T], _ open: String, _ close: String, into output: inout [UInt8], indent: Int?,
    _ element: (T, inout [UInt8], Int?) -> Void
  ) {
    output.append(contentsOf: open.utf8)
    let inner = indent.map { $0 + 2 }
    for (number, item) in list.enumerated() {
      if number > 0 { output.append(UInt8(ascii: ",")) }
      startLine(inner, in: &output)
      element(item, &output, inner)
    }
    if !list.isEmpty { startLine(indent, in: &output) }
    output.append(contentsOf: close.utf8)
  }

  static func startLine(_ indent: Int?, in output: inout [UInt8]) {
    guard let indent else { return }
    output.append(0x0A)
    output.append(contentsOf: repeatElement(0x20, count: indent))
  }

  static func write(string: String, into output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
      case 0x0A: output.append(contentsOf: "\\n".utf8)
      case 0x0D: output.append(contentsOf: "\\r".utf8)
      case 0x09: output.append(contentsOf: "\\t".utf8)
      case 0..<0x20, 0x7F:
        let digits = String(byte, radix: 16)
        output.append(contentsOf: ("\\u00" + (digits.utf8.count < 2 ? "0" : "") + digits).utf8)
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
