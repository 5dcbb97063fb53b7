import Base
import Testing
import Text

/// Regular expressions over names of tensors.
struct NamePatternTests {
  @Test(arguments: [
    ("ffn_down", "blk.0.ffn_down.weight", true), ("^output", "output.weight", true),
    ("^output", "blk.0.attn_output.weight", false), (#"weight$"#, "blk.0.ffn_up.weight", true),
    (#"weight$"#, "v.patch_embd.weight.1", false), (#"blk\.\d+\.attn_(q|k)\."#, "blk.12.attn_k.weight", true),
    (#"blk\.\d+\.attn_(q|k)\."#, "blk.12.attn_v.weight", false), (#"blk\.[0-3]\."#, "blk.3.ffn_up.weight", true),
    (#"blk\.[0-3]\."#, "blk.13.ffn_up.weight", false), ("[^.]+_norm", "blk.0.attn_norm.weight", true),
    ("ssm_(alpha|beta)", "blk.4.ssm_beta.weight", true), ("FFN", "blk.0.ffn_up.weight", false),
    ("(?i)FFN", "blk.0.ffn_up.weight", true), (#"^blk\.(?!0\.).*up"#, "blk.10.ffn_up.weight", true),
    (#"^blk\.(?!0\.).*up"#, "blk.0.ffn_up.weight", false), (#"\.\d{2,3}\."#, "blk.7.ffn_up.weight", false),
    ("", "anything", true), ("é", "e\u{301}", false),
  ])
  func `are found anywhere in a name`(pattern: String, name: String, isFound: Bool) throws {
    #expect(try NamePattern(pattern).isFound(in: [name]) == [isFound])
  }

  @Test(arguments: ["(", "a)", "[", "*", #"\1"#, "(a*)*", "(?<name>a)", String(repeating: "a{99}", count: 99)])
  func `that cannot be used are told as they were written`(pattern: String) {
    let error = #expect(throws: CheckpointError.self) { try NamePattern(pattern) }
    #expect(error?.code == .malformed)
    let start = "the regular expression \(shortened(pattern)) "
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  /// An engine that only backtracks takes longer than the universe for the first.
  @Test func `take time that grows with the names alone`() throws {
    let names = (0..<2000).map { "blk.\($0).a_rather_long_name_of_a_tensor_in_a_model.weight" }
    for pattern in ["(.+)+Z", "(?:.|.)*Z", "(?=(?:.|..)+Z)b", ".*.*.*.*Z"] {
      #expect(try NamePattern(pattern).isFound(in: names).allSatisfy { !$0 })
    }
    let hostile = "(?:(?=(?:(?=(?:(?=(?:.|..)*Z)?.)*Z)?.)*Z)?.)*Z"
    let error = #expect(throws: CheckpointError.self) { try NamePattern(hostile).isFound(in: names) }
    #expect(error?.message.contains("takes too long") == true)
  }
}
