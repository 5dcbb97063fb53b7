import Base
import Testing

struct OrderedJSONTests {
  private func parse(_ text: String) throws -> OrderedJSON {
    try OrderedJSON(parsing: Array(text.utf8), file: "t.json")
  }

  @Test func `keeps order and round-trips`() throws {
    let text = #"{"b":1,"a":[true,null,-2.5,"x\n\"é\\",18446744073709551615],"é":{},"e":[]}"#
    #expect(String(decoding: try parse(text).serialized(), as: UTF8.self) == text)
    let pretty = try parse(text).serialized(pretty: true)
    #expect(try OrderedJSON(parsing: pretty, file: "p") == parse(text))
  }

  @Test func `tells integers from other numbers`() throws {
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("9223372036854775808") == .unsigned(1 << 63))
    #expect(try parse("1e3") == .number(1000))
    #expect(try parse("1e3").intValue == 1000)
    #expect(try parse("1.5").intValue == nil)
  }

  @Test func `reads escapes and surrogate pairs`() throws {
    #expect(try parse(#""\u0041\ud83d\ude00\/""#) == .string("A😀/"))
  }

  @Test func `keys that only look alike are two keys`() throws {
    let object = try #require(try parse("{\"\u{E9}\":1,\"e\u{301}\":2}").objectValue)
    #expect(object.entries.count == 2)
    #expect(object["e\u{301}"] == .integer(2))
  }

  @Test(arguments: [
    ("{\"a\":1,\"a\":2}", "occurs twice", 7),
    ("[1,]", "not the start of a JSON value", 3),
    ("[01]", "not a JSON number", 3),
    ("[1e999]", "out of range", 1),
    ("\"\\ud800\"", "half a surrogate pair", 7),
    ("\"a", "ends inside a string", 2),
    ("{} x", "follows the end", 3),
    ("", "ends where a value is expected", 0),
    ("tru", "not the start of a JSON value", 0),
    ("\"\u{1}\"", "control character", 1),
    (String(repeating: "[", count: 1000), "nested deeper than 128", 128),
  ])
  func `refuses with the place`(text: String, words: String, offset: UInt64) throws {
    let error = #expect(throws: CheckpointError.self) { try parse(text) }
    #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    #expect(error?.offset == offset)
    #expect(error?.code == .malformed)
  }

  @Test func `refuses bytes that are not UTF-8`() throws {
    #expect(throws: CheckpointError.self) { try OrderedJSON(parsing: [0x22, 0xFF, 0x22], file: "t") }
  }
}
