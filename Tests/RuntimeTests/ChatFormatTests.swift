import Containers
import Foundation
import Runtime
import TestSupport
import Testing

/// Prompts are what the model's own template would render.
@Suite struct ChatFormatTests {
  /// A ChatML template that renders messages and opens answers in a given way.
  private func turn(_ text: String, content: String, opening: String) throws -> String {
    let folder = try TemporaryFolder()
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: Fixtures.path("tiny-qwen3.5/\(name)"))
    }
    let template =
      #"{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + "# + content
      + #" + '<|im_end|>\n' }}{%- if '</think>' in message.content and enable_thinking is true %}{%- endif %}{%- endfor %}"#
      + #"{%- if add_generation_prompt %}"# + opening + "{%- endif %}"
    try Data(template.utf8).write(to: URL(filePath: folder.file("chat_template.jinja")))
    return try ChatFormat.userTurn(text, for: Containers.open(folder.path))
  }

  private static let assistant = #"{{- '<|im_start|>assistant\n' }}"#
  private static let open = #"{{- '<think>\n' }}"#
  private static let closed = #"{{- '<think>\n\n</think>\n\n' }}"#

  /// How a template ends, and what comes behind `assistant`.
  static let openings: [(template: String, opening: String)] = [
    (assistant, ""),
    // Qwen3: thinks unless told not to, and writes nothing then.
    (assistant + "{%- if enable_thinking is defined and enable_thinking is false %}" + closed + "{%- endif %}", ""),
    // Qwen3.5 4B and 9B.
    (
      assistant + "{%- if enable_thinking is defined and enable_thinking is false %}" + closed + "{%- else %}" + open
        + "{%- endif %}", "<think>\n"
    ),
    // Qwen3.5 2B.
    (
      assistant + "{%- if enable_thinking is defined and enable_thinking is true %}" + open + "{%- else %}" + closed
        + "{%- endif %}", "<think>\n\n</think>\n\n"
    ),
    (assistant + "{%- if not enable_thinking %}" + closed + "{%- endif %}", "<think>\n\n</think>\n\n"),
    (assistant + "{%- if enable_thinking is defined and not enable_thinking %}" + closed + "{%- endif %}", ""),
    (assistant + "{%- if enable_thinking is not defined or enable_thinking %}" + open + "{%- endif %}", "<think>\n"),
    // QwQ: one literal.
    (#"{{- '<|im_start|>assistant\n<think>\n' }}"#, "<think>\n"),
  ]

  @Test(arguments: openings.indices) func `answers open as the template opens them`(index: Int) throws {
    let (template, opening) = Self.openings[index]
    let expected = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n" + opening
    #expect(try turn("Hi", content: "message.content", opening: template) == expected)
  }

  @Test(arguments: [("message.content", " \nHi\u{3000}\n"), ("message.content|trim", "Hi"), ("(x | trim)", "Hi")])
  func `messages are trimmed where the template trims`(content: String, expected: String) throws {
    let found = try turn(" \nHi\u{3000}\n", content: content, opening: Self.assistant)
    #expect(found == "<|im_start|>user\n\(expected)<|im_end|>\n<|im_start|>assistant\n")
  }
}
