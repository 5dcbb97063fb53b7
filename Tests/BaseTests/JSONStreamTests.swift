import Base
import Testing

/// Written in pieces, a document has the bytes it has when it is built first.
struct JSONStreamTests {
  @Test func `pieces give the same text as the whole`() throws {
    let numbers: [Int64] = [0, -1, 9, 10, .max, .min]
    let inner: OrderedObject = ["a": .array([.null, .array([.bool(true)])]), "b": .number(0.5)]
    let document: OrderedObject = [
      "empty": .object([:]), "none": .array([]), "numbers": .array(numbers.map { .integer($0) }),
      "text\n\"é": .string("a\u{1}"), "inner": .object(inner),
    ]
    var bytes: [UInt8] = []
    var stream = JSONStream { bytes += $0 }
    try stream.object { (stream) throws(CheckpointError) in
      stream.key("empty")
      try stream.object { (_) throws(CheckpointError) in }
      stream.key("none")
      stream.list([Int8]())
      stream.key("numbers")
      stream.list(numbers)
      stream.member("text\n\"é", .string("a\u{1}"))
      stream.key("inner")
      try stream.object { (stream) throws(CheckpointError) in
        stream.key("a")
        try stream.array { (stream) throws(CheckpointError) in
          stream.element()
          stream.value(.null)
          stream.element()
          stream.value(.array([.bool(true)]))
        }
        stream.member("b", .number(0.5))
      }
    }
    stream.finish()
    #expect(bytes == OrderedJSON.object(document).serialized(pretty: true))
    #expect(stream.count == UInt64(bytes.count))
  }

  @Test func `long lists are handed on in parts`() throws {
    let numbers = (0..<100_000).map { UInt32($0) }
    var parts: [[UInt8]] = []
    var stream = JSONStream { parts.append($0) }
    stream.list(numbers)
    stream.finish()
    #expect(parts.count > 10)
    let whole = OrderedJSON.array(numbers.map { .integer(Int64($0)) }).serialized(pretty: true)
    #expect(Array(parts.joined()) == whole)
  }
}
