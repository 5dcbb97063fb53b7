import Base
import Evaluation
import Foundation
import Runtime
import TestSupport
import Testing
import Tokenizers

/// Conversations in the form of the model's own template, of which the answers are scored.
@Suite struct ConversationTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  private static let lines = [
    #"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Who came?"},"#
      + #"{"role":"assistant","content":"\nAnne, and the Captain."},{"role":"user","content":[{"type":"text","text":"And "},"#
      + #"{"type":"text","text":"when?"}]},{"role":"assistant","content":"At four."}]}"#,
    "",
    #"{"messages":[{"role":"user","content":"Sir Walter?"},{"role":"assistant","content":"He read."}]}"#,
    #"{"messages":[{"role":"user","content":"Nobody answers this."}]}"#,
  ]

  private func source(_ lines: [String]) -> TextSource {
    TextSource(name: "chats.jsonl", bytes: Array(lines.joined(separator: "\n").utf8))
  }

  @Test func `answers are scored, with the token that ends them, and nothing else`() throws {
    let opened = try OpenedModel(model)
    let windows = try source(Self.lines).windows(opened, before: opened, context: 512, limit: nil)
    #expect(windows.count == 2)
    #expect(windows.notes == ["1 conversation without an answer within 512 tokens left out"])
    let rendered =
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho came?<|im_end|>\n<|im_start|>assistant\n"
      + "\nAnne, and the Captain.<|im_end|>\n<|im_start|>user\nAnd when?<|im_end|>\n<|im_start|>assistant\nAt four.<|im_end|>\n"
    // The ids are those of the whole text at once, and no id is scored that holds a part of a header.
    #expect(windows[0].tokens == (try opened.tokenizer.encode(rendered)))
    let scored = opened.tokenizer.decode(windows[0].targets)
    #expect(
      ["\nAnne", "Anne"].contains { scored == $0 + ", and the Captain.<|im_end|>At four.<|im_end|>" }, "\(scored)")
    #expect(opened.tokenizer.decode(windows[1].targets) == "He read.<|im_end|>")
    // Cut within the first answer.
    let first = try #require(windows[0].scored.first)
    let cut = try source([Self.lines[0]]).windows(opened, before: opened, context: first + 3, limit: nil)
    #expect(cut[0].tokens == Array(windows[0].tokens[..<(first + 3)]) && cut[0].scored == [first, first + 1])
    let one = try source(Self.lines).windows(opened, before: opened, context: 512, limit: 1)
    #expect(one.windows == [windows[0]])
  }

  @Test func `what came before is not new evidence`() throws {
    let opened = try OpenedModel(model)
    let twice = try source(Self.lines + [Self.lines[2], Self.lines[0]]).windows(
      opened, before: opened, context: 512, limit: nil)
    #expect(twice.windows == (try source(Self.lines).windows(opened, before: opened, context: 512, limit: nil)).windows)
    #expect(twice.notes.contains("2 conversations left out that came before"))
    // A line feed makes no other text of it.
    let words = Array(String(repeating: "It was a fine morning. ", count: 60).utf8)
    let error = #expect(throws: CheckpointError.self) {
      try Validation.measure(
        before: opened, after: [opened],
        texts: [TextSource(name: "a", bytes: words), TextSource(name: "b", bytes: words + [0x0A])], context: 64,
        windows: nil, threads: 2)
    }
    #expect(error?.message.contains("this is the same text as a") == true)
  }

  @Test func `a conversation is a window of its own`() throws {
    let opened = try OpenedModel(model)
    let found = try Validation.measure(
      before: opened, after: [opened], texts: [source(Self.lines)], context: 64, windows: nil, threads: 2)
    #expect(found.texts[0].windows == 2)
    #expect(found.after[0].all.divergence.mean.value == 0 && found.after[0].all.windows == 2)
  }

  @Test(arguments: [
    (#"{"text":"plain"}"#, "an object whose messages are a list"), ("[1]", "an object whose messages are a list"),
    ("plain words", "line 2"), (#"{"messages":[{"content":"a"}]}"#, "message 1 has no role"),
    (#"{"messages":[{"role":"tool","content":"a"}]}"#, "the role tool"),
    (#"{"messages":[{"role":"user"}]}"#, "message 1 has no content"),
    (#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#, "holds more than text"),
    (#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"a"}]}"#, "not the first"),
    (#"{"messages":[{"role":"assistant","content":"a","tool_calls":[{}]}]}"#, "tool_calls"),
    (#"{"messages":[],"tools":[{}]}"#, "descriptions of tools"),
  ]) func `other lines are refused by line and rule`(line: String, words: String) throws {
    let opened = try OpenedModel(model)
    #expect {
      _ = try source([Self.lines[0], line]).windows(opened, before: opened, context: 512, limit: nil)
    } throws: { error in
      let sentence = "\(error)"
      return sentence.contains("chats.jsonl") && sentence.contains("line 2") && sentence.contains(words)
    }
  }

  @Test func `a model without a template is told so`() throws {
    let folder = try TemporaryFolder()
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: Fixtures.path("tiny-qwen3.5/\(name)"))
    }
    let opened = try OpenedModel(folder.path)
    #expect {
      _ = try source(Self.lines).windows(opened, before: opened, context: 512, limit: nil)
    } throws: { error in
      "\(error)".contains("has no chat template") && "\(error)".contains(folder.path)
    }
  }

  @Test func `templates that forget old thoughts are followed`() throws {
    let folder = try TemporaryFolder()
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: Fixtures.path("tiny-qwen3.5/\(name)"))
    }
    // As Qwen3.5 does it, shortened.
    let template =
      #"{%- set ns = namespace(last_query_index=0) %}{%- if loop.index0 > ns.last_query_index %}{{- '<|im_start|>' + message.role "#
      + #"+ '\n<think>\n' + reasoning_content + '\n</think>\n\n' + content }}{%- endif %}{{- '<|im_end|>\n' }}"#
      + #"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"#
    try Data(template.utf8).write(to: URL(filePath: folder.file("chat_template.jinja")))
    let turns = try ChatFormat.turns(
      [
        ChatMessage(role: "user", content: "a"),
        ChatMessage(role: "assistant", content: "<think>\nold\n</think>\n\nb"),
        ChatMessage(role: "user", content: "c"), ChatMessage(role: "assistant", content: "d"),
      ], for: OpenedModel(folder.path).checkpoint)
    #expect(turns.map(\.content) == ["a", "b", "c", "d"].map { $0 + "<|im_end|>" })
    #expect(turns.map(\.opening).last == "<|im_start|>assistant\n<think>\n\n</think>\n\n")
    #expect(turns[1].opening == "<|im_start|>assistant\n")
  }
}
