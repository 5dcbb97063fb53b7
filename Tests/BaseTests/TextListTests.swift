import Base
import Testing

struct TextListTests {
  @Test func `texts come back as they went in`() {
    let texts = ["", "a", "é", "e\u{301}", "", "long enough for an allocation of its own"]
    var list = TextList(texts)
    #expect(Array(list) == texts && list.count == texts.count)
    list.append(1..<4, of: list)
    #expect(Array(list) == texts + texts[1..<4])
    list.append(2..<2, of: list)
    list.append(utf8: list.utf8(1))
    #expect(list.count == 10 && list[9] == "a")
  }

  @Test func `equal lists have the same bytes and the same ends`() {
    #expect(TextList(["ab", "c"]) == ["ab", "c"])
    #expect(TextList(["ab", "c"]) != ["a", "bc"])
    #expect(TextList(["é"]) != ["e\u{301}"])
  }

  /// All sequences of up to four bytes from around every boundary, with and without ASCII around them.
  @Test func `UTF-8 is what the standard library says it is`() {
    let edges: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
      0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var sequences: [[UInt8]] = [[]]
    var last = sequences
    for _ in 0..<4 {
      last = last.flatMap { start in edges.map { start + [$0] } }
      sequences += last
    }
    var wrong: [[UInt8]] = []
    for sequence in sequences {
      for bytes in [sequence, Array("123456".utf8) + sequence + Array("7890123456".utf8)] {
        let expected = String(validating: bytes, as: UTF8.self) != nil
        if bytes.withUnsafeBytes({ isUTF8($0) }) != expected { wrong.append(bytes) }
      }
    }
    #expect(wrong.isEmpty)
  }
}

struct TextSearchTests {
  @Test func `a part is found wherever it lies`() {
    let text = "blk.0.ssm_conv1d.weight"
    for part in ["", "blk", "ssm_conv1d", "weight", ".", text] { #expect(text.hasBytes(of: part), "\(part)") }
    for part in ["blk.1", "weights", "ssm_convd", text + "x"] { #expect(!text.hasBytes(of: part), "\(part)") }
    #expect(!"".hasBytes(of: "a") && "".hasBytes(of: ""))
  }
}
