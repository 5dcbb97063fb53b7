/// Writes a JSON document piece by piece, as `OrderedJSON.serialized(pretty: true)` would, without building it first.
///
/// Bytes are handed on whenever there are many; `finish` hands on the rest.
package struct JSONStream {
  private var output: [UInt8] = []
  /// One entry for each list or object that is open: whether it holds something already.
  private var open: [Bool] = []
  private let sink: ([UInt8]) -> Void
  /// Bytes written so far.
  package var count: UInt64 { handedOn + UInt64(output.count) }
  private var handedOn: UInt64 = 0

  private static let most = 1 << 16

  /// `sink` takes the bytes in order.
  package init(_ sink: @escaping ([UInt8]) -> Void) { self.sink = sink }

  /// Writes an object, whose members `body` writes.
  package mutating func object(
    _ body: (inout JSONStream) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try group("{", "}", body)
  }

  /// Writes a list, whose elements `body` writes, each begun by `element`.
  package mutating func array(
    _ body: (inout JSONStream) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try group("[", "]", body)
  }

  /// Begins a member of an object; its value must follow.
  package mutating func key(_ key: String) {
    element()
    OrderedJSON.write(string: key, into: &output)
    output.append(UInt8(ascii: ":"))
    output.append(0x20)
  }

  /// Begins an element of a list; its value must follow.
  package mutating func element() {
    if let last = open.indices.last {
      if open[last] { output.append(UInt8(ascii: ",")) }
      open[last] = true
      OrderedJSON.startLine(2 * open.count, in: &output)
    }
    if output.count >= Self.most { flush() }
  }

  /// Writes a value that is there already.
  package mutating func value(_ json: OrderedJSON) { json.write(into: &output, indent: 2 * open.count) }

  /// Writes a text.
  package mutating func value(_ text: String) { OrderedJSON.write(string: text, into: &output) }

  /// Writes a whole number.
  package mutating func value(_ number: Int64) {
    if number < 0 { output.append(UInt8(ascii: "-")) }
    append(digits: number.magnitude)
  }

  /// Writes a list of whole numbers, of which a header may have a hundred million.
  package mutating func list(_ numbers: some Sequence<some FixedWidthInteger>) {
    output.append(UInt8(ascii: "["))
    let line = [0x0A] + [UInt8](repeating: 0x20, count: 2 * open.count + 2)
    var isFirst = true
    for number in numbers {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      output.append(contentsOf: line)
      if number < 0 { output.append(UInt8(ascii: "-")) }
      append(digits: UInt64(number.magnitude))
      if output.count >= Self.most { flush() }
    }
    if !isFirst { OrderedJSON.startLine(2 * open.count, in: &output) }
    output.append(UInt8(ascii: "]"))
  }

  private mutating func append(digits number: UInt64) {
    if number > 9 { append(digits: number / 10) }
    output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
  }

  /// Writes a member.
  package mutating func member(_ key: String, _ json: OrderedJSON) {
    self.key(key)
    value(json)
  }

  /// Ends the document with a line feed and hands on what is left.
  package mutating func finish() {
    output.append(0x0A)
    flush()
  }

  private mutating func group(
    _ first: Unicode.Scalar, _ last: Unicode.Scalar, _ body: (inout JSONStream) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    output.append(UInt8(ascii: first))
    open.append(false)
    try body(&self)
    if open.popLast() == true { OrderedJSON.startLine(2 * open.count, in: &output) }
    output.append(UInt8(ascii: last))
  }

  private mutating func flush() {
    sink(output)
    handedOn += UInt64(output.count)
    output.removeAll(keepingCapacity: true)
  }
}
